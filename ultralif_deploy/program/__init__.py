"""The integer program, its maps and its arithmetic; PROGRAM.md is the specification."""
