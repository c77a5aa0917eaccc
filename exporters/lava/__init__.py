"""Programs as Lava processes."""
