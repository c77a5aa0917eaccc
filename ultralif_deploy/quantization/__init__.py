"""Network -> Program: scales, registers, integers, and what rounding costs."""
