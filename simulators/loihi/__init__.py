"""Loihi 1 and 2 within their limits, placed on cores and counted."""
