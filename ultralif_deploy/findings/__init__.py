"""What was assumed, and what speaks against the result."""
