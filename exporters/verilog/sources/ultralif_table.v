// Small read-only memory that answers in the same cycle, loaded from a file of hexadecimal words.
module ultralif_table #(
    parameter WIDTH = 8,
    parameter DEPTH = 2,
    parameter ADDRESS = 1,
    parameter FILE = "words.mem"
) (
    input wire [ADDRESS-1:0] address,
    output wire [WIDTH-1:0] q
);
    reg [WIDTH-1:0] words [0:DEPTH-1];

    initial $readmemh(FILE, words);

    assign q = words[address];
endmodule
