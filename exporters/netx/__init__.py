"""Programs as lava-dl network exchange files."""
