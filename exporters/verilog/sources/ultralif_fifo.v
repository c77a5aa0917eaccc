// Queue of a projection that acts one timestep later. It holds all beats of one timestep. After a
// reset it gives one beat that ends a timestep without spikes: the timestep before the first.
module ultralif_fifo #(
    parameter WIDTH = 8, // of a beat; its highest bit says that the timestep ends
    parameter DEPTH = 2,
    parameter ADDRESS = 1
) (
    input wire clk,
    input wire rst,
    input wire in_beat,
    output wire in_ready,
    input wire [WIDTH-1:0] in_data,
    output wire out_valid,
    input wire out_ready,
    output wire [WIDTH-1:0] out_data
);
    reg [WIDTH-1:0] words [0:DEPTH-1];
    reg [ADDRESS-1:0] head;
    reg [ADDRESS-1:0] tail;
    reg full;
    reg primed;
    wire empty = head == tail && !full;
    wire taken = out_valid && out_ready && !primed;

    assign in_ready = !full;
    assign out_valid = primed || !empty;
    assign out_data = primed ? {1'b1, {(WIDTH - 1){1'b0}}} : words[head];

    always @(posedge clk) begin
        if (in_beat) words[tail] <= in_data;
        if (rst) begin
            head <= 0;
            tail <= 0;
            full <= 1'b0;
            primed <= 1'b1;
        end else begin
            if (out_ready) primed <= 1'b0;
            if (in_beat) tail <= tail == DEPTH - 1 ? 0 : tail + 1'b1;
            if (taken) head <= head == DEPTH - 1 ? 0 : head + 1'b1;
            if (in_beat != taken) full <= in_beat && (tail == DEPTH - 1 ? 0 : tail + 1'b1) == head;
        end
    end
endmodule
