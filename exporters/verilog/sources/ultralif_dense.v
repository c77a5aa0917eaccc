// Dense projection: for every value that is sent, GROUPS words of weights, one in each cycle.
// Word address: address of the source · GROUPS + group. The word arrives one cycle after `op_valid`.
module ultralif_dense #(
    parameter ADDRESS = 1, // bits of a source's address
    parameter VALUE = 1, // bits of the value
    parameter WIDTH = 8, // bits of a word: a weight for every lane
    parameter GROUPS = 1,
    parameter GROUP = 1, // bits of a group's number
    parameter DEPTH = 2, // words
    parameter WORD = 1, // bits of a word's address
    parameter [WORD-1:0] APART = 1, // words between two sources: GROUPS
    parameter FILE = "words.mem"
) (
    input wire clk,
    input wire rst,
    input wire valid,
    output wire ready,
    input wire [ADDRESS-1:0] address,
    input wire [VALUE-1:0] value,
    output wire busy,
    output wire op_valid,
    output wire [GROUP-1:0] op_group,
    output wire [VALUE-1:0] op_value,
    output wire [WIDTH-1:0] op_weights
);

    reg active;
    reg [GROUP-1:0] group;
    reg [WORD-1:0] word;
    reg [VALUE-1:0] held;
    wire done = group == GROUPS - 1;

    assign ready = !active || done;
    assign busy = active;
    assign op_valid = active;
    assign op_group = group;
    assign op_value = held;

    ultralif_rom #(.WIDTH(WIDTH), .DEPTH(DEPTH), .ADDRESS(WORD), .FILE(FILE)) rom (
        .clk(clk), .address(word), .q(op_weights)
    );

    always @(posedge clk) begin
        if (rst) active <= 1'b0;
        else if (valid && ready) active <= 1'b1;
        else if (done) active <= 1'b0;
        if (valid && ready) begin
            group <= 0;
            word <= address * APART;
            held <= value;
        end else begin
            group <= group + 1'b1;
            word <= word + 1'b1;
        end
    end
endmodule
