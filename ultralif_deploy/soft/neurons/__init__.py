"""Soft spiking neurons: those of the UltraLIF family, and the baselines beside them."""
