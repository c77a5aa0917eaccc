"""NIR graphs of other tools -> Network."""
