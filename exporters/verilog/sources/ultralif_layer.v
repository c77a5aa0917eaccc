// One population: takes the beats of its projections in their order, timestep by timestep, adds the
// weights up, then updates its neurons group by group and sends the addresses of those that fired.
//
// A beat is an event (address and value) or ends a timestep (`stop`; `last` where the sample ends).
// Address = group · LANES + lane. The neurons' equation is outside: a lane for each of LANES neurons
// reads `current` and `state`, and answers LATENCY cycles later, or when `lanes_busy` falls.
module ultralif_layer #(
    parameter LANES = 1,
    parameter GROUPS = 1,
    parameter GROUP = 1, // bits of a group's number
    parameter PERIOD = 1, // groups after which the lanes in use repeat
    parameter [LANES-1:0] TAIL = 1, // lanes in use in the last group of a period; all are in others
    parameter STREAMS = 1,
    parameter SELECT = 1, // bits of a stream's number
    parameter [STREAMS-1:0] DELAYED = 0, // what belongs to the sample before is dropped
    parameter [STREAMS-1:0] SILENT = 0, // only says when a timestep ends
    parameter BITS = 8, // of a weight
    parameter VALUE = 1, // bits of a value that arrives
    parameter ACCUMULATOR = 8, // bits
    parameter STATE = 1, // bits of a neuron's state
    parameter REMEMBERS = 0,
    parameter READOUT = 0, // sends the lanes' values once, after the last timestep
    parameter LATENCY = 0, // cycles of an update
    parameter STEP = 1, // bits that count these cycles
    parameter ADDRESS = 1, // bits of an address that is sent
    parameter [ADDRESS-1:0] APART = 1, // addresses between two groups: LANES
    parameter SENT = 1 // bits of a value that is sent
) (
    input wire clk,
    input wire rst,
    input wire [STREAMS-1:0] in_beat,
    input wire [STREAMS-1:0] in_stop,
    input wire [STREAMS-1:0] in_last,
    output wire [STREAMS-1:0] in_ready,
    output wire [STREAMS-1:0] unit_valid,
    input wire [STREAMS-1:0] unit_ready,
    input wire [STREAMS-1:0] unit_busy,
    input wire [STREAMS-1:0] op_valid,
    input wire [STREAMS*GROUP-1:0] op_group,
    input wire [STREAMS*VALUE-1:0] op_value,
    input wire [STREAMS*LANES*BITS-1:0] op_weights,
    output wire [GROUP-1:0] read_group, // parameters of this group are needed in the next cycle
    output reg first, // timestep of a sample
    output wire start, // of the last cycle of LATENCY
    output wire [LANES*ACCUMULATOR-1:0] current,
    output wire [LANES*STATE-1:0] state,
    input wire [LANES*STATE-1:0] next_state,
    input wire [LANES-1:0] fired,
    input wire [LANES*SENT-1:0] sent,
    input wire lanes_busy,
    output reg out_valid,
    input wire out_ready,
    output reg out_stop,
    output reg out_last,
    output reg [ADDRESS-1:0] out_address,
    output reg [SENT-1:0] out_value
);
    localparam [2:0] CLEAR = 0, GATHER = 1, DRAIN = 2, UPDATE = 3, STOP = 4;

    reg [2:0] phase;
    reg [SELECT-1:0] select;
    reg [GROUP-1:0] group;
    reg [GROUP-1:0] place;
    reg [STEP-1:0] step;
    reg ending;

    // Streams and operations.
    wire [STREAMS-1:0] skip = SILENT | (first ? DELAYED : {STREAMS{1'b0}});
    wire [STREAMS-1:0] turn;
    wire adding;
    reg [GROUP-1:0] chosen_group;
    reg [VALUE-1:0] chosen_value;
    reg [LANES*BITS-1:0] chosen_weights;
    integer k;
    genvar n;
    generate
        for (n = 0; n < STREAMS; n = n + 1) begin : streams
            localparam [SELECT-1:0] NUMBER = n;
            assign turn[n] = phase == GATHER && select == NUMBER;
        end
    endgenerate
    assign in_ready = turn & ((in_stop & ~unit_busy) | (~in_stop & (skip | unit_ready)));
    assign unit_valid = in_beat & ~in_stop & ~skip;
    wire stopped = |(in_beat & in_stop);

    always @* begin
        chosen_group = 0;
        chosen_value = 0;
        chosen_weights = 0;
        for (k = 0; k < STREAMS; k = k + 1)
            if (select == k[SELECT-1:0]) begin
                chosen_group = op_group[k*GROUP +: GROUP];
                chosen_value = op_value[k*VALUE +: VALUE];
                chosen_weights = op_weights[k*LANES*BITS +: LANES*BITS];
            end
    end

    // Update.
    reg [LANES-1:0] pending;
    reg [LANES*SENT-1:0] values;
    reg [ADDRESS-1:0] base, pending_base;
    wire last_group = group == GROUPS - 1;
    wire settled = phase == UPDATE && step == LATENCY;
    wire updated = settled && !lanes_busy && pending == 0;
    wire [GROUP-1:0] following = last_group ? {GROUP{1'b0}} : group + 1'b1;
    wire [LANES-1:0] live = place == PERIOD - 1 ? TAIL : {LANES{1'b1}};
    assign read_group = updated ? following : group;
    assign start = phase == UPDATE && step == LATENCY - 1;

    ultralif_accumulator #(
        .LANES(LANES), .BITS(BITS), .VALUE(VALUE), .WIDTH(ACCUMULATOR), .GROUPS(GROUPS),
        .GROUP(GROUP)
    ) accumulator (
        .clk(clk), .rst(rst),
        .op_valid(|op_valid), .op_group(chosen_group), .op_value(chosen_value),
        .op_weights(chosen_weights), .busy(adding),
        .reading(phase != GATHER), .read_group(read_group),
        .clear(phase == CLEAR || updated), .clear_group(group),
        .current(current)
    );
    generate
        if (REMEMBERS != 0) begin : remembers
            ultralif_ram #(.WIDTH(LANES * STATE), .DEPTH(GROUPS), .ADDRESS(GROUP)) ram (
                .clk(clk), .write(updated), .write_address(group), .d(next_state),
                .read_address(read_group), .q(state)
            );
        end else begin : forgets
            assign state = next_state;
        end
    endgenerate

    always @(posedge clk) begin
        if (rst) begin
            phase <= CLEAR;
            group <= 0;
            place <= 0;
            select <= 0;
            step <= 0;
            base <= 0;
            first <= 1'b1;
            ending <= 1'b0;
        end else begin
            if (phase == CLEAR || updated) begin
                group <= following;
                place <= place == PERIOD - 1 ? 0 : place + 1'b1;
                base <= last_group ? 0 : base + APART;
            end
            case (phase)
                CLEAR: if (last_group) phase <= GATHER;
                GATHER: if (stopped) begin
                    select <= select == STREAMS - 1 ? 0 : select + 1'b1;
                    ending <= in_last[STREAMS-1];
                    if (select == STREAMS - 1) phase <= DRAIN;
                end
                DRAIN: if (!adding) phase <= UPDATE;
                UPDATE: begin
                    if (!settled) step <= step + 1'b1;
                    if (updated) begin
                        step <= 0;
                        if (last_group) phase <= STOP;
                    end
                end
                default: if (pending == 0 && (!out_valid || out_ready)) begin
                    phase <= GATHER;
                    first <= ending;
                end
            endcase
        end
    end

    // Sending: one neuron in each cycle, the lowest lane first.
    reg [LANES-1:0] lowest;
    reg [ADDRESS-1:0] index;
    reg [SENT-1:0] value;

    always @* begin
        lowest = pending & (~pending + 1'b1);
        index = 0;
        value = 0;
        for (k = 0; k < LANES; k = k + 1)
            if (lowest[k]) begin
                index = index | k[ADDRESS-1:0];
                value = value | values[k*SENT +: SENT];
            end
    end

    always @(posedge clk) begin
        if (updated) begin
            pending <= READOUT != 0 ? live & {LANES{ending}} : live & fired;
            values <= sent;
            pending_base <= base;
        end else if (!out_valid || out_ready) pending <= pending & ~lowest;
        if (!out_valid || out_ready) begin
            out_valid <= pending != 0 || phase == STOP;
            out_stop <= pending == 0;
            out_last <= ending && pending == 0;
            out_address <= pending_base + index;
            out_value <= value;
        end
        if (rst) begin
            pending <= 0;
            out_valid <= 1'b0;
        end
    end
endmodule
