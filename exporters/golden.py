"""Golden vectors: what exported self-tests compare."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Vectors:
    """Golden vectors.

    Attributes:
        inputs: uint8 [time, sample, input].
        spikes: spikes by population, uint8 [time, sample, neuron].
        logits: int64 [sample, class].
        exits: int64 [sample, 2], timesteps and prediction of samples that stop early; or None.
    """

    inputs: np.ndarray
    spikes: dict[str, np.ndarray]
    logits: np.ndarray
    exits: np.ndarray | None = None
