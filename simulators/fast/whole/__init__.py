"""All populations of a program in one compiled call."""
