"""The hard network in float64, its maps, and running it."""
