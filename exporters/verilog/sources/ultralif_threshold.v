// Threshold: fires where current + bias > threshold. Without memory.
module ultralif_threshold #(
    parameter ACCUMULATOR = 8,
    parameter BIAS = 1,
    parameter THRESHOLD = 8
) (
    input wire signed [ACCUMULATOR-1:0] current,
    input wire signed [BIAS-1:0] bias,
    input wire signed [THRESHOLD-1:0] threshold,
    output wire fired
);
    localparam DRIVE = (ACCUMULATOR > BIAS ? ACCUMULATOR : BIAS) + 1;

    wire signed [DRIVE-1:0] drive = current + bias;

    assign fired = drive > threshold;
endmodule
