"""What faults do to a program: disturbed inputs, faulty weights, and the accuracy left."""
