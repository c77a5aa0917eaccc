"""Data sets that have a name: where they are looked for, and the layouts that they alone have."""
