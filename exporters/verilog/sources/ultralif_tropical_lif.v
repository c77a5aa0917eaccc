// TropicalLIF: v <- max(v - decay, current + bias); fires where v > threshold; then v <- reset.
module ultralif_tropical_lif #(
    parameter ACCUMULATOR = 8,
    parameter BIAS = 1,
    parameter THRESHOLD = 8,
    parameter DECAY = 2,
    parameter RESET = 2,
    parameter INITIAL = 2,
    parameter STATE = 8 // bits; holds every v after a timestep, and the initial one
) (
    input wire first,
    input wire signed [ACCUMULATOR-1:0] current,
    input wire signed [STATE-1:0] state,
    input wire signed [BIAS-1:0] bias,
    input wire signed [THRESHOLD-1:0] threshold,
    input wire signed [DECAY-1:0] decay,
    input wire signed [RESET-1:0] reset,
    input wire signed [INITIAL-1:0] initial_v,
    output wire fired,
    output wire signed [STATE-1:0] next_state
);
    localparam DRIVE = (ACCUMULATOR > BIAS ? ACCUMULATOR : BIAS) + 1;
    localparam KEPT = (STATE > DECAY ? STATE : DECAY) + 1;
    localparam WIDE = DRIVE > KEPT ? DRIVE : KEPT;

    wire signed [STATE-1:0] widened = initial_v;
    wire signed [STATE-1:0] v = first ? widened : state;
    wire signed [WIDE-1:0] kept = v - decay;
    wire signed [WIDE-1:0] drive = current + bias;
    wire signed [WIDE-1:0] u = kept > drive ? kept : drive;
    wire signed [STATE-1:0] cut = u[STATE-1:0]; // u fits where it does not fire
    wire signed [STATE-1:0] after = reset;

    assign fired = u > threshold;
    assign next_state = fired ? after : cut;
endmodule
