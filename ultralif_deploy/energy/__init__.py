"""Energy: events are counted first; descriptions of devices then give joules."""
