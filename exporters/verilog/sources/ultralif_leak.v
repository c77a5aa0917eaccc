// Leak, one cycle later: sign(v) * floor(|v| * (2^FRACTION - decay) / 2^FRACTION).
module ultralif_leak #(
    parameter WIDTH = 24, // of v, whose magnitude is below 2^(WIDTH - 1)
    parameter FRACTION = 12 // fraction bits of the decay
) (
    input wire clk,
    input wire signed [WIDTH-1:0] v,
    input wire [FRACTION:0] decay,
    output wire signed [WIDTH-1:0] kept
);
    localparam [FRACTION:0] ONE = {1'b1, {FRACTION{1'b0}}};

    wire [WIDTH-2:0] positive = v[WIDTH-2:0];
    wire [WIDTH-2:0] magnitude = v[WIDTH-1] ? -positive : positive;
    wire [FRACTION:0] keep = ONE - decay;
    reg [WIDTH+FRACTION-1:0] product;
    reg negative;

    always @(posedge clk) begin
        product <= magnitude * keep;
        negative <= v[WIDTH-1];
    end

    wire [WIDTH-1:0] whole = product[WIDTH+FRACTION-1:FRACTION];
    wire unused = &{1'b0, product[FRACTION-1:0]};

    assign kept = negative ? -whole : whole;
endmodule
