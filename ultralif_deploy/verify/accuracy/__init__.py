"""What the networks predict: accuracies with their intervals, paired gaps, classes."""
