"""How Sinabs is installed; this module loads without torch, for `doctor`."""

INSTALL = "pip install --no-deps sinabs pbr && pip install matplotlib"
"""No extra can do it: Sinabs declares nir ≤ 1.0.4, which cannot hold resets. It runs with newer."""
