"""Commands that write a program for other tools, and say what it takes there."""
