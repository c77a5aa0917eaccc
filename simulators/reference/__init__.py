"""The reference: PROGRAM.md in plain Python. All other back ends are compared with it."""
