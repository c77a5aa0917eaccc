// Sends inputs.mem through the ten pins of ultralif_serial, and prints every logit that comes out.
`timescale 1ns / 1ns
module bench;
    reg clk = 0, rst = 1, shift_in = 0, data_in = 0, send = 0, shift_out = 0, next = 0;
    wire ready, data_out, valid;
    integer beats, found = 1, k, idle = 0;
    reg [32:0] word, logit;
    ultralif_serial dut (
        .clk(clk), .rst(rst), .shift_in(shift_in), .data_in(data_in), .send(send), .ready(ready),
        .shift_out(shift_out), .data_out(data_out), .next(next), .valid(valid)
    );
    always #5 clk = ~clk;
    task tick;
        begin
            @(posedge clk);
            #1;
        end
    endtask
    initial begin
        beats = $fopen("inputs.mem", "r");
        repeat (4) tick;
        rst = 0;
        while (idle < 2000) begin
            idle = idle + 1;
            if (valid) begin
                idle = 0;
                shift_out = 1;
                for (k = 0; k < 33; k = k + 1) begin
                    logit[k] = data_out;
                    tick;
                end
                shift_out = 0;
                next = 1;
                tick;
                next = 0;
                $display("%h", logit);
            end else if (ready && found == 1) begin
                found = $fscanf(beats, "%h", word);
                if (found == 1) begin
                    idle = 0;
                    shift_in = 1;
                    for (k = 0; k < 33; k = k + 1) begin
                        data_in = word[k];
                        tick;
                    end
                    shift_in = 0;
                    send = 1;
                    tick;
                    send = 0;
                end
            end else tick;
        end
        $finish;
    end
endmodule
