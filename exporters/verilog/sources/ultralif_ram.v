// Memory with one port that writes and one that reads, with a registered output. A word that is
// read while it is written is undefined: whoever uses the memory must not need it.
module ultralif_ram #(
    parameter WIDTH = 8,
    parameter DEPTH = 2,
    parameter ADDRESS = 1
) (
    input wire clk,
    input wire write,
    input wire [ADDRESS-1:0] write_address,
    input wire [WIDTH-1:0] d,
    input wire [ADDRESS-1:0] read_address,
    output reg [WIDTH-1:0] q
);
    (* no_rw_check *)
    reg [WIDTH-1:0] words [0:DEPTH-1];

    always @(posedge clk) begin
        if (write) words[write_address] <= d;
        q <= words[read_address];
    end
endmodule
