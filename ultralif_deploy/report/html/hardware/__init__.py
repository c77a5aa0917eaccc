"""Sections on chips and FPGAs that hold the program."""
