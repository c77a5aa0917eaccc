// Read-only memory with a registered output, loaded from a file of hexadecimal words.
module ultralif_rom #(
    parameter WIDTH = 8,
    parameter DEPTH = 2,
    parameter ADDRESS = 1,
    parameter FILE = "words.mem"
) (
    input wire clk,
    input wire [ADDRESS-1:0] address,
    output reg [WIDTH-1:0] q
);
    reg [WIDTH-1:0] words [0:DEPTH-1];

    initial $readmemh(FILE, words);

    always @(posedge clk) q <= words[address];
endmodule
