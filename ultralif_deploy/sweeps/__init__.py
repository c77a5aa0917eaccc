"""One deployment after another, with options that vary."""
