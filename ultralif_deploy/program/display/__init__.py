"""How networks, programs and traces are shown: as text, in notebooks, and as figures."""
