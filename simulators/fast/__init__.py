"""Exact and fast on a CPU."""
