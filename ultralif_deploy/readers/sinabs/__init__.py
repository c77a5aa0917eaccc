"""Reads Sinabs modules as a Network, and compares the two before the Network is returned."""
