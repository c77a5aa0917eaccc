"""Bugs that many tests plant."""
