// The network behind ten pins, for devices with few of them: words are shifted in and out, the lowest
// bit first. `send` offers the 33 bits {tlast, tdata} that were shifted in, and `ready` says that the
// network took the word before. `valid` says that 33 bits {tlast, tdata} of a logit wait to be shifted
// out; `next` drops them.
module ultralif_serial (
    input wire clk,
    input wire rst,
    input wire shift_in,
    input wire data_in,
    input wire send,
    output wire ready,
    input wire shift_out,
    output wire data_out,
    input wire next,
    output wire valid
);
    reg [32:0] word;
    reg offered;
    reg [32:0] logit;
    reg held;
    wire taken, arrives, last;
    wire [31:0] data;
    wire [15:0] user;
    wire unused = &{1'b0, user};

    assign ready = !offered;
    assign data_out = logit[0];
    assign valid = held;

    ultralif_top top (
        .clk(clk), .rst(rst),
        .s_axis_tvalid(offered), .s_axis_tready(taken),
        .s_axis_tdata(word[31:0]), .s_axis_tlast(word[32]),
        .m_axis_tvalid(arrives), .m_axis_tready(!held),
        .m_axis_tdata(data), .m_axis_tuser(user), .m_axis_tlast(last)
    );

    always @(posedge clk) begin
        if (shift_in) word <= {data_in, word[32:1]};
        if (arrives && !held) logit <= {last, data};
        else if (shift_out) logit <= {1'b0, logit[32:1]};
        if (rst) begin
            offered <= 1'b0;
            held <= 1'b0;
        end else begin
            offered <= send || (offered && !taken);
            held <= (arrives && !held) || (held && !next);
        end
    end
endmodule
