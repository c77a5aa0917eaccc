"""What synthesis says of a program on an FPGA."""
