// LIF and CubaLIF: w = leak(v) + drive, with drive = 2^UNIT * current + bias. In a CubaLIF the drive
// goes into the synaptic current first: i <- sat(leak(i) + drive), and w = leak(v) + i.
//
// MODE is that of the reset: 0 value, 1 subtract, 2 none, 3 late-value, 4 late-subtract,
// 5 immediate-subtract. With MOST above 1 the neuron fires again as long as it stays above its
// threshold, each time in a cycle of its own; `busy` says so.
//
// LeakyIntegrator and CubaLI are those of mode 2 whose spikes nobody reads.
module ultralif_lif #(
    parameter ACCUMULATOR = 8,
    parameter BIAS = 1,
    parameter THRESHOLD = 8,
    parameter RESET = 2,
    parameter FLOOR = 2,
    parameter MEMBRANE = 24, // bits
    parameter FRACTION = 12, // fraction bits of the decays
    parameter UNIT = 6,
    parameter MODE = 0,
    parameter HAS_FLOOR = 0,
    parameter SYNAPSE = 0, // 1 for a CubaLIF
    parameter MOST = 1,
    parameter SENT = 1,
    parameter STATE = 24 // MEMBRANE, twice with a synaptic current
) (
    input wire clk,
    input wire first,
    input wire start,
    input wire signed [ACCUMULATOR-1:0] current,
    input wire [STATE-1:0] state,
    input wire signed [BIAS-1:0] bias,
    input wire signed [THRESHOLD-1:0] threshold,
    input wire [FRACTION:0] decay,
    input wire [FRACTION:0] synaptic_decay,
    input wire signed [RESET-1:0] reset,
    input wire signed [FLOOR-1:0] floor,
    output wire [SENT-1:0] sent,
    output wire [STATE-1:0] next_state,
    output wire busy
);
    localparam SCALED = ACCUMULATOR + UNIT;
    localparam DRIVE = (SCALED > BIAS ? SCALED : BIAS) + 1;
    localparam WIDE = (DRIVE > MEMBRANE ? DRIVE : MEMBRANE) + 2;
    localparam FALL = (THRESHOLD > MEMBRANE ? THRESHOLD : MEMBRANE) + 2;

    wire signed [MEMBRANE-1:0] v = first ? {MEMBRANE{1'b0}} : state[MEMBRANE-1:0];
    wire signed [SCALED-1:0] scaled = {current, {UNIT{1'b0}}};
    wire signed [DRIVE-1:0] drive = scaled + bias;
    wire held = v > threshold;
    wire signed [MEMBRANE-1:0] kept;
    reg signed [WIDE-1:0] w;

    ultralif_leak #(.WIDTH(MEMBRANE), .FRACTION(FRACTION)) leak (
        .clk(clk), .v(v), .decay(decay), .kept(kept)
    );
    generate
        if (SYNAPSE != 0) begin : synapse
            wire signed [MEMBRANE-1:0] i = first ? {MEMBRANE{1'b0}}
                                                 : state[2*MEMBRANE-1:MEMBRANE];
            wire signed [MEMBRANE-1:0] left;
            wire signed [WIDE-1:0] sum = left + drive;
            wire signed [MEMBRANE-1:0] clipped;
            reg signed [MEMBRANE-1:0] next_i;
            ultralif_leak #(.WIDTH(MEMBRANE), .FRACTION(FRACTION)) leak_i (
                .clk(clk), .v(i), .decay(synaptic_decay), .kept(left)
            );
            ultralif_saturate #(.IN(WIDE), .OUT(MEMBRANE)) clip_i (.x(sum), .y(clipped));
            always @(posedge clk) begin
                next_i <= clipped;
                w <= kept + next_i;
            end
            assign next_state[2*MEMBRANE-1:MEMBRANE] = next_i;
        end else begin : direct
            wire unused = &{1'b0, synaptic_decay};
            always @(posedge clk) w <= kept + drive;
        end
    endgenerate

    // u, the membrane potential that is compared, and w as it is kept.
    wire signed [WIDE-1:0] lowered = w - reset;
    wire signed [MEMBRANE-1:0] clipped_w, clipped_lowered;
    wire signed [MEMBRANE-1:0] to = reset;
    reg signed [MEMBRANE-1:0] u, kept_w, late_w;

    ultralif_saturate #(.IN(WIDE), .OUT(MEMBRANE)) clip_w (.x(w), .y(clipped_w));
    ultralif_saturate #(.IN(WIDE), .OUT(MEMBRANE)) clip_lowered (.x(lowered), .y(clipped_lowered));

    always @(posedge clk) begin
        kept_w <= clipped_w;
        late_w <= clipped_lowered;
        if (held && MODE == 3) u <= to;
        else if (held && (MODE == 4 || MODE == 5)) u <= clipped_lowered;
        else u <= clipped_w;
    end

    // What is left after the spikes.
    wire signed [MEMBRANE-1:0] left_u;
    generate
        if (MOST > 1) begin : many
            reg signed [FALL-1:0] remaining;
            reg [SENT-1:0] count;
            reg counting;
            localparam [SENT-1:0] ALL = MOST;
            wire again = counting && count != ALL && remaining > threshold;
            always @(posedge clk) begin
                counting <= start || again;
                if (start) begin
                    remaining <= u;
                    count <= 0;
                end else if (again) begin
                    remaining <= remaining - reset;
                    count <= count + 1'b1;
                end
            end
            assign sent = count;
            assign busy = again;
            ultralif_saturate #(.IN(FALL), .OUT(MEMBRANE)) clip_u (.x(remaining), .y(left_u));
        end else begin : one
            wire signed [FALL-1:0] remaining = u - reset;
            wire unused = &{1'b0, start};
            assign sent = u > threshold;
            assign busy = 1'b0;
            ultralif_saturate #(.IN(FALL), .OUT(MEMBRANE)) clip_u (.x(remaining), .y(left_u));
        end
    endgenerate

    wire fired = sent != 0;
    reg signed [MEMBRANE-1:0] after;
    always @* begin
        after = u;
        if (fired && MODE == 0) after = to;
        if (fired && MODE == 1) after = left_u;
        if (MODE == 5) after = fired ? late_w : kept_w;
        if (HAS_FLOOR != 0 && after < floor) after = floor;
    end
    assign next_state[MEMBRANE-1:0] = after;
endmodule
