"""Our reading of a network beside the spikes that its framework computed."""
