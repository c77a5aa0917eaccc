"""Run exported Verilog in a simulator."""
