"""Exact on torch, so that a GPU can run programs; torch is imported where it is loaded."""
