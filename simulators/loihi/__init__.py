"""Simulators of Loihi 1 and 2, with the chips' limits, placement on cores and event counts."""
