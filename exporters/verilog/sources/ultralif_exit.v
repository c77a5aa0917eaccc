// Early exit: decides after every timestep whether the sample stops, as PROGRAM.md says.
//
// The read-out sends v of every class, and a beat that ends the timestep. Every population waits from
// its own end of the timestep (`ends`, `taken`) until all are there and the decision is made (`hold`).
// Where the sample stops, `restart` resets every population for the next one, and what is left of the
// inputs is dropped. The logits leave, and then a beat with the number of timesteps and the winner.
module ultralif_exit #(
    parameter POPULATIONS = 1,
    parameter CLASSES = 2,
    parameter CLASS = 1, // bits of a class
    parameter ITEM = 2, // bits that count the beats of the output
    parameter WIDTH = 16, // bits of v
    parameter TIMESTEPS = 1, // after which every sample is decided
    parameter TIME = 1, // bits of their number
    parameter GAIN = 8, // bits of the most that a class gains on another in a timestep
    parameter MARGIN = 1, // bits of the lead that is enough
    parameter LIMITED = 0 // 1: such a lead exists
) (
    input wire clk,
    input wire rst,
    input wire [POPULATIONS-1:0] ends,
    input wire [POPULATIONS-1:0] taken,
    output wire [POPULATIONS-1:0] hold,
    output wire restart,
    input wire in_ends, // an end of a timestep enters the network
    input wire in_last, // it is that of the last one
    input wire in_whole, // the sample does not stop there
    input wire in_drops, // the last beat of a sample is dropped
    output reg dropping,
    input wire valid, // beats of the read-out
    output wire ready,
    input wire stop,
    output reg first, // timestep of a sample
    input wire [CLASS-1:0] number, // class
    input wire signed [WIDTH-1:0] value,
    output wire [2*CLASS-1:0] gain_address, // winner, class
    input wire signed [GAIN-1:0] gain, // one cycle later
    output wire [TIME-1:0] margin_address, // timestep, from 0
    input wire signed [MARGIN-1:0] margin, // one cycle later
    output reg out_valid,
    input wire out_ready,
    output wire [31:0] out_data,
    output wire [15:0] out_user,
    output wire out_last
);
    localparam [1:0] GATHER = 0, CHECK = 1, SEND = 2;
    localparam PRODUCT = GAIN + TIME + 1;
    localparam GAINED = PRODUCT > MARGIN ? PRODUCT : MARGIN;
    localparam RISEN = (GAINED > WIDTH ? GAINED : WIDTH) + 1;
    localparam [TIME-1:0] ALL = TIMESTEPS;

    reg [1:0] phase;
    reg [POPULATIONS-1:0] done;
    reg whole, ended;
    reg [15:0] timesteps; // of the sample so far
    reg [TIME-1:0] left, elapsed;

    // v of every class, and the first class with the largest.
    reg found;
    reg [CLASS-1:0] winner;
    reg signed [WIDTH-1:0] best;
    wire beat = valid && ready;
    wire leads = !found || value > best || (value == best && number < winner);
    wire signed [WIDTH-1:0] v;
    wire [CLASS-1:0] read_class;
    assign ready = phase == GATHER;

    ultralif_ram #(.WIDTH(WIDTH), .DEPTH(CLASSES), .ADDRESS(CLASS)) ram (
        .clk(clk), .write(beat && !stop), .write_address(number), .d(value),
        .read_address(read_class), .q(v)
    );

    // One class in each cycle, in steps: v and its gain are read, multiplied, limited, added, compared.
    reg [CLASS-1:0] index, read_index, product_index, gained_index, risen_index;
    reg asking, read, multiplied, limited, added, against, checked;
    reg signed [WIDTH-1:0] product_v, gained_v;
    reg signed [PRODUCT-1:0] product;
    reg signed [GAINED-1:0] gained;
    reg signed [RISEN-1:0] risen;
    wire signed [TIME:0] factor = {1'b0, left};
    assign gain_address = {winner, index};
    assign margin_address = elapsed;

    wire everyone = phase == GATHER && &done;
    wire goes_on = (everyone && whole && !ended) || against;
    wire stops = (everyone && ended) || (checked && !against);
    assign hold = done | ends;
    assign restart = stops;

    // Output.
    reg [ITEM-1:0] item;
    wire accepted = out_valid && out_ready;
    wire [ITEM-1:0] following = accepted ? item + 1'b1 : item;
    wire signed [31:0] logit = v;
    wire [15:0] prediction = winner;
    assign read_class = phase == SEND ? following[CLASS-1:0] : index;
    assign out_user = item;
    assign out_last = item == CLASSES;
    assign out_data = out_last ? {timesteps, prediction} : logit;

    always @(posedge clk) begin
        if (in_ends) begin
            whole <= in_whole;
            ended <= in_last;
        end
        if (beat && !stop) begin
            found <= 1'b1;
            if (leads) begin
                winner <= number;
                best <= value;
            end
        end
        if (beat && stop) begin
            first <= 1'b0;
            timesteps <= timesteps + 1'b1;
            if (left != 0) begin
                elapsed <= ALL - left;
                left <= left - 1'b1;
            end
        end
        done <= goes_on || stops ? {POPULATIONS{1'b0}} : done | (ends & taken);
        if (rst || stops) first <= 1'b1;
        if (stops) dropping <= !ended;
        else if (in_drops) dropping <= 1'b0;

        asking <= asking && index != CLASSES - 1;
        index <= phase == CHECK ? index + 1'b1 : {CLASS{1'b0}};
        read <= asking;
        read_index <= index;
        multiplied <= read;
        product <= gain * factor;
        product_v <= v;
        product_index <= read_index;
        limited <= multiplied;
        gained <= LIMITED != 0 && product > margin ? margin : product;
        gained_v <= product_v;
        gained_index <= product_index;
        added <= limited;
        risen <= gained_v + gained;
        risen_index <= gained_index;
        against <= added && (risen > best || (risen == best && risen_index < winner));
        checked <= added && risen_index == CLASSES - 1;
        if (everyone) begin
            phase <= CHECK;
            asking <= 1'b1;
        end
        if (goes_on || stops) begin
            phase <= stops ? SEND : GATHER;
            found <= 1'b0;
        end
        if (rst || goes_on || stops) begin
            asking <= 1'b0;
            read <= 1'b0;
            multiplied <= 1'b0;
            limited <= 1'b0;
            added <= 1'b0;
            against <= 1'b0;
            checked <= 1'b0;
        end

        out_valid <= phase == SEND && !(accepted && out_last);
        item <= phase == SEND ? following : {ITEM{1'b0}};
        if (accepted && out_last) begin
            phase <= GATHER;
            timesteps <= 16'd0;
            left <= ALL;
        end
        if (rst) begin
            phase <= GATHER;
            done <= {POPULATIONS{1'b0}};
            dropping <= 1'b0;
            found <= 1'b0;
            out_valid <= 1'b0;
            timesteps <= 16'd0;
            left <= ALL;
        end
    end
endmodule
