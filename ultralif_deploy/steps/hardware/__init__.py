"""What a program takes on an FPGA."""
