"""Assumptions, and findings that speak against the result."""
