"""The trained soft network: neurons, architectures, checkpoints, annealing, hardening."""
