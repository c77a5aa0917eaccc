"""Export a program as Verilog-2001 for FPGAs."""
