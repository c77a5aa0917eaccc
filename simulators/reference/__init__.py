"""The judge: PROGRAM.md in plain Python."""
