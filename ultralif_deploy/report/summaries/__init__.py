"""Results of single commands for a terminal."""
