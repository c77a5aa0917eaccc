// GradedLIF: u = sat(leak(v) + 2^UNIT * current + bias). Sends the number of thresholds that u is
// greater than; a spike of n levels takes its share `reset` number n from the membrane, by a leak.
module ultralif_graded_lif #(
    parameter ACCUMULATOR = 8,
    parameter BIAS = 1,
    parameter THRESHOLD = 8,
    parameter RESET = 13, // bits of a share, which has no sign
    parameter MEMBRANE = 24, // bits
    parameter FRACTION = 12, // fraction bits of the decay
    parameter UNIT = 6,
    parameter LEVELS = 2,
    parameter SENT = 2
) (
    input wire clk,
    input wire first,
    input wire signed [ACCUMULATOR-1:0] current,
    input wire [MEMBRANE-1:0] state,
    input wire signed [BIAS-1:0] bias,
    input wire [LEVELS*THRESHOLD-1:0] thresholds,
    input wire [FRACTION:0] decay,
    input wire [LEVELS*RESET-1:0] reset,
    output reg [SENT-1:0] sent,
    output wire [MEMBRANE-1:0] next_state
);
    localparam SCALED = ACCUMULATOR + UNIT;
    localparam DRIVE = (SCALED > BIAS ? SCALED : BIAS) + 1;
    localparam WIDE = (DRIVE > MEMBRANE ? DRIVE : MEMBRANE) + 2;
    localparam SHARE = 12; // fraction bits of the shares

    wire signed [MEMBRANE-1:0] v = first ? {MEMBRANE{1'b0}} : state;
    wire signed [SCALED-1:0] scaled = {current, {UNIT{1'b0}}};
    wire signed [DRIVE-1:0] drive = scaled + bias;
    wire signed [MEMBRANE-1:0] kept, clipped;
    reg signed [WIDE-1:0] w;
    reg signed [MEMBRANE-1:0] u;

    ultralif_leak #(.WIDTH(MEMBRANE), .FRACTION(FRACTION)) leak (
        .clk(clk), .v(v), .decay(decay), .kept(kept)
    );
    ultralif_saturate #(.IN(WIDE), .OUT(MEMBRANE)) clip (.x(w), .y(clipped));

    always @(posedge clk) begin
        w <= kept + drive;
        u <= clipped;
    end

    wire [LEVELS-1:0] passed;
    wire [RESET-1:0] shares [0:LEVELS];
    genvar n;
    generate
        assign shares[0] = {RESET{1'b0}};
        for (n = 0; n < LEVELS; n = n + 1) begin : levels
            wire signed [THRESHOLD-1:0] threshold = thresholds[n*THRESHOLD +: THRESHOLD];
            assign passed[n] = u > threshold;
            assign shares[n+1] = reset[n*RESET +: RESET];
        end
    endgenerate

    integer k;
    always @* begin
        sent = 0;
        for (k = 0; k < LEVELS; k = k + 1) sent = sent + {{(SENT - 1){1'b0}}, passed[k]};
    end

    ultralif_leak #(.WIDTH(MEMBRANE), .FRACTION(SHARE)) reduced (
        .clk(clk), .v(u), .decay(shares[sent]), .kept(next_state)
    );
endmodule
