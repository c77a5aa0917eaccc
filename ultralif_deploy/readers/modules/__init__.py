"""What the `forward` of a torch module computes, whatever framework its neurons are of."""
