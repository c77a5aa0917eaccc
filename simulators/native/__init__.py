"""Compiled code, vector instructions and threads of the fast simulator."""
