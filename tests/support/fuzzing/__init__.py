"""Changed input files of every kind, and what commands may do with them."""
