"""Spikes that the user's framework computed, and how ours differ from them."""
