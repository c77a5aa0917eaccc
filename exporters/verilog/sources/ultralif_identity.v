// Identity: every value that is sent reaches one neuron with weight 1. A memory says which one.
module ultralif_identity #(
    parameter ADDRESS = 1, // bits of a source's address
    parameter VALUE = 1, // bits of the value
    parameter LANES = 1,
    parameter BITS = 2, // of a weight
    parameter GROUP = 1, // bits of a group's number
    parameter LANE = 1, // bits of a lane's number
    parameter DEPTH = 2, // addresses of sources
    parameter FILE = "words.mem"
) (
    input wire clk,
    input wire rst,
    input wire valid,
    output wire ready,
    input wire [ADDRESS-1:0] address,
    input wire [VALUE-1:0] value,
    output wire busy,
    output reg op_valid,
    output wire [GROUP-1:0] op_group,
    output reg [VALUE-1:0] op_value,
    output wire [LANES*BITS-1:0] op_weights
);
    wire [LANE-1:0] lane;
    reg [LANE-1:0] reached;

    assign ready = 1'b1;
    assign busy = op_valid;

    ultralif_rom #(.WIDTH(GROUP + LANE), .DEPTH(DEPTH), .ADDRESS(ADDRESS), .FILE(FILE)) rom (
        .clk(clk), .address(address), .q({op_group, lane})
    );

    genvar n;
    generate
        for (n = 0; n < LANES; n = n + 1) begin : lanes
            localparam [LANE-1:0] NUMBER = n;
            assign op_weights[n*BITS +: BITS] = {{(BITS - 1){1'b0}}, reached == NUMBER};
        end
    endgenerate

    always @(posedge clk) begin
        op_valid <= valid && !rst;
        op_value <= value;
        reached <= lane;
    end
endmodule
