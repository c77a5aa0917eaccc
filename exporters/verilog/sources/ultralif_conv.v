// Convolution: walks over the weights that a source neuron meets, one word in each cycle.
// `sources` says for every address its channel and where its row and its column begin in `rows` and
// `columns`. An entry there is a kernel tap that reaches a target: what it adds to the address of
// the word and to the group, and whether it is the last one, or none at all. `channels` holds what
// the channel adds. All of an address is sums: nothing is multiplied.
module ultralif_conv #(
    parameter ADDRESS = 1, // bits of a source's address
    parameter VALUE = 1, // bits of the value
    parameter WIDTH = 8, // bits of a word: a weight for every lane
    parameter GROUP = 1, // bits of a group's number
    parameter SOURCES = 2, // addresses of sources
    parameter CHANNELS = 1,
    parameter CHANNEL = 1, // bits of a channel's number
    parameter ROWS = 1, // entries
    parameter ROW = 1, // bits of an entry's number
    parameter COLUMNS = 1,
    parameter COLUMN = 1,
    parameter RUN = 1, // words of a tap: as many groups hold the channels that it reaches
    parameter RUN_BITS = 1,
    parameter DEPTH = 2, // words
    parameter WORD = 1, // bits of a word's address
    parameter FILE = "words.mem",
    parameter SOURCE_FILE = "sources.mem",
    parameter CHANNEL_FILE = "channels.mem",
    parameter ROW_FILE = "rows.mem",
    parameter COLUMN_FILE = "columns.mem"
) (
    input wire clk,
    input wire rst,
    input wire valid,
    output wire ready,
    input wire [ADDRESS-1:0] address,
    input wire [VALUE-1:0] value,
    output wire busy,
    output reg op_valid,
    output reg [GROUP-1:0] op_group,
    output reg [VALUE-1:0] op_value,
    output wire [WIDTH-1:0] op_weights
);
    wire [CHANNEL-1:0] found_channel;
    wire [ROW-1:0] found_row;
    wire [COLUMN-1:0] found_column;
    reg loading;
    reg active;
    reg [VALUE-1:0] held;
    reg [CHANNEL-1:0] channel;
    reg [ROW-1:0] row;
    reg [COLUMN-1:0] column;
    reg [COLUMN-1:0] leftmost;
    reg [RUN_BITS-1:0] run;
    reg [WORD-1:0] word;

    wire [WORD-1:0] channel_word, row_word, column_word;
    wire [GROUP-1:0] channel_group, row_group, column_group;
    wire row_none, row_last, column_none, column_last;
    wire run_last = run == RUN - 1;
    wire done = run_last && column_last && row_last;

    assign ready = !loading && !active;
    assign busy = loading || active || op_valid;

    ultralif_rom #(
        .WIDTH(CHANNEL + ROW + COLUMN), .DEPTH(SOURCES), .ADDRESS(ADDRESS), .FILE(SOURCE_FILE)
    ) sources (
        .clk(clk), .address(address), .q({found_channel, found_row, found_column})
    );
    ultralif_table #(
        .WIDTH(WORD + GROUP), .DEPTH(CHANNELS), .ADDRESS(CHANNEL), .FILE(CHANNEL_FILE)
    ) channels (
        .address(channel), .q({channel_word, channel_group})
    );
    ultralif_table #(
        .WIDTH(2 + WORD + GROUP), .DEPTH(ROWS), .ADDRESS(ROW), .FILE(ROW_FILE)
    ) rows (
        .address(row), .q({row_none, row_last, row_word, row_group})
    );
    ultralif_table #(
        .WIDTH(2 + WORD + GROUP), .DEPTH(COLUMNS), .ADDRESS(COLUMN), .FILE(COLUMN_FILE)
    ) columns (
        .address(column), .q({column_none, column_last, column_word, column_group})
    );
    ultralif_rom #(.WIDTH(WIDTH), .DEPTH(DEPTH), .ADDRESS(WORD), .FILE(FILE)) rom (
        .clk(clk), .address(word), .q(op_weights)
    );

    always @(posedge clk) begin
        loading <= valid && ready && !rst;
        if (valid && ready) held <= value;
        if (rst) active <= 1'b0;
        else if (loading) active <= 1'b1;
        else if (done) active <= 1'b0;
        if (loading) begin
            channel <= found_channel;
            row <= found_row;
            column <= found_column;
            leftmost <= found_column;
            run <= 0;
        end else if (!run_last) run <= run + 1'b1;
        else begin
            run <= 0;
            column <= column_last ? leftmost : column + 1'b1;
            if (column_last) row <= row + 1'b1;
        end
        op_valid <= active && !row_none && !column_none && !rst;
        op_value <= held;
        op_group <= channel_group + row_group + column_group + run;
        word <= channel_word + row_word + column_word + run;
    end
endmodule
