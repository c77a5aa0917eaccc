// Clip to -(2^(OUT - 1) - 1) ... 2^(OUT - 1) - 1.
module ultralif_saturate #(
    parameter IN = 32,
    parameter OUT = 24
) (
    input wire signed [IN-1:0] x,
    output wire signed [OUT-1:0] y
);
    localparam signed [OUT-1:0] TOP = {1'b0, {(OUT - 1){1'b1}}};
    localparam signed [OUT-1:0] BOTTOM = {1'b1, {(OUT - 2){1'b0}}, 1'b1};

    wire signed [OUT-1:0] cut = x[OUT-1:0];

    assign y = x > TOP ? TOP : x < BOTTOM ? BOTTOM : cut;
endmodule
