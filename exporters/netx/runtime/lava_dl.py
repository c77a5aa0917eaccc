"""Imports only the loader of network exchange files from lava-dl, without torch.

The loader also imports lava-dl's training package (for the decay of resonators) and modules for
sensors. Both need torch, and the networks of this folder use neither. Empty modules replace them.
"""

import sys
from types import ModuleType

import lava_compat  # noqa: F401  before anything of Lava

UNUSED = (
    "lava.lib.dl.slayer",
    "lava.lib.dl.slayer.neuron",
    "lava.lib.dl.slayer.neuron.rf",
    "lava.lib.dl.netx.sequential_modules",
)
for name in UNUSED:
    sys.modules[name] = ModuleType(name)
    sys.modules[name].__file__ = __file__  # Lava asks every module for its file
sys.modules["lava.lib.dl.slayer.neuron.rf"].neuron_params = None

from lava.lib.dl.netx.hdf5 import Network as Loaded  # noqa: E402, F401
