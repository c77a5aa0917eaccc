// Currents of a population: a word of LANES accumulators for each group. An operation reads its
// word, adds weight · value in every lane, and writes it back. The sum that is being written is
// passed on to an operation that follows at once on the same group.
module ultralif_accumulator #(
    parameter LANES = 1,
    parameter BITS = 8, // of a weight
    parameter VALUE = 1, // bits of a value; with 1 the values are spikes and nothing is multiplied
    parameter WIDTH = 8, // of an accumulator
    parameter GROUPS = 1,
    parameter GROUP = 1 // bits of a group's number
) (
    input wire clk,
    input wire rst,
    input wire op_valid,
    input wire [GROUP-1:0] op_group,
    input wire [VALUE-1:0] op_value,
    input wire [LANES*BITS-1:0] op_weights, // one cycle later than the rest
    output wire busy,
    input wire reading, // the population is updated, no operation comes
    input wire [GROUP-1:0] read_group,
    input wire clear, // writes 0
    input wire [GROUP-1:0] clear_group,
    output wire [LANES*WIDTH-1:0] current
);
    localparam TERM = VALUE == 1 ? BITS : BITS + VALUE;

    wire next_valid;
    wire [GROUP-1:0] next_group;
    wire [LANES*TERM-1:0] terms;
    wire [LANES*WIDTH-1:0] sums;
    reg adding;
    reg same;
    reg [GROUP-1:0] group;
    reg [LANES*WIDTH-1:0] written;

    genvar n;
    generate
        if (VALUE == 1) begin : spikes
            assign next_valid = op_valid;
            assign next_group = op_group;
            assign terms = op_weights;
            assign busy = adding;
            wire unused = &{1'b0, op_value};
        end else begin : graded
            reg late_valid;
            reg [GROUP-1:0] late_group;
            reg [VALUE-1:0] late_value;
            reg [LANES*TERM-1:0] products;
            assign next_valid = late_valid;
            assign next_group = late_group;
            assign terms = products;
            assign busy = late_valid || adding;
            always @(posedge clk) begin
                late_valid <= op_valid && !rst;
                late_group <= op_group;
                late_value <= op_value;
            end
            for (n = 0; n < LANES; n = n + 1) begin : lanes
                wire signed [BITS-1:0] weight = op_weights[n*BITS +: BITS];
                wire signed [VALUE:0] value = {1'b0, late_value};
                wire signed [TERM-1:0] product = weight * value;
                always @(posedge clk) products[n*TERM +: TERM] <= product;
            end
        end
        for (n = 0; n < LANES; n = n + 1) begin : lanes
            wire signed [TERM-1:0] term = terms[n*TERM +: TERM];
            wire signed [WIDTH-1:0] previous = same ? written[n*WIDTH +: WIDTH]
                                                  : current[n*WIDTH +: WIDTH];
            wire signed [WIDTH-1:0] sum = previous + term;
            assign sums[n*WIDTH +: WIDTH] = sum;
        end
    endgenerate

    ultralif_ram #(.WIDTH(LANES * WIDTH), .DEPTH(GROUPS), .ADDRESS(GROUP)) ram (
        .clk(clk),
        .write(adding || clear),
        .write_address(adding ? group : clear_group),
        .d(adding ? sums : {(LANES * WIDTH){1'b0}}),
        .read_address(reading ? read_group : next_group),
        .q(current)
    );

    always @(posedge clk) begin
        adding <= next_valid && !rst;
        group <= next_group;
        same <= adding && group == next_group;
        written <= sums;
    end
endmodule
