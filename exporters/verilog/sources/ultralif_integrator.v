// Integrator: v <- v + current + bias. A read-out, which never fires.
module ultralif_integrator #(
    parameter ACCUMULATOR = 8,
    parameter BIAS = 1,
    parameter STATE = 16 // bits; holds the sum of all timesteps that the program may run
) (
    input wire first,
    input wire signed [ACCUMULATOR-1:0] current,
    input wire signed [STATE-1:0] state,
    input wire signed [BIAS-1:0] bias,
    output wire signed [STATE-1:0] next_state
);
    wire signed [STATE-1:0] v = first ? {STATE{1'b0}} : state;

    assign next_state = v + current + bias;
endmodule
