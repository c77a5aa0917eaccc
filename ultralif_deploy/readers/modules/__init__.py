"""Finds out what the `forward` of a torch module computes, for neurons of any framework."""
