"""All layers of a feed-forward program in one compiled call."""
