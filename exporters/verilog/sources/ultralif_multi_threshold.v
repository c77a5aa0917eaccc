// MultiThreshold: sends the number of its thresholds that current + bias is greater than.
module ultralif_multi_threshold #(
    parameter ACCUMULATOR = 8,
    parameter BIAS = 1,
    parameter THRESHOLD = 8,
    parameter LEVELS = 2,
    parameter SENT = 2
) (
    input wire signed [ACCUMULATOR-1:0] current,
    input wire signed [BIAS-1:0] bias,
    input wire [LEVELS*THRESHOLD-1:0] thresholds,
    output reg [SENT-1:0] sent
);
    localparam DRIVE = (ACCUMULATOR > BIAS ? ACCUMULATOR : BIAS) + 1;

    wire signed [DRIVE-1:0] drive = current + bias;
    wire [LEVELS-1:0] passed;
    integer k;
    genvar n;
    generate
        for (n = 0; n < LEVELS; n = n + 1) begin : levels
            wire signed [THRESHOLD-1:0] threshold = thresholds[n*THRESHOLD +: THRESHOLD];
            assign passed[n] = drive > threshold;
        end
    endgenerate

    always @* begin
        sent = 0;
        for (k = 0; k < LEVELS; k = k + 1) sent = sent + {{(SENT - 1){1'b0}}, passed[k]};
    end
endmodule
