"""Spikes of one sample before and after, small enough to be drawn."""

from collections.abc import Mapping
from typing import Any

import numpy as np

NEURONS, TIMESTEPS = 40, 100
"""Most neurons of a population and timesteps that a raster keeps; neurons are evenly spaced."""


def raster(before: Mapping[str, np.ndarray], integer: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """The first sample's spikes by population, as plain values.

    Args:
        before: soft values or float spikes [time, batch, neuron] by population.
        integer: spikes of the program, uint8 [time, batch, neuron] by population.

    Returns:
        By population: `neurons` in all, `shown` their indices, and `before` and `integer`, one row
        per neuron shown and one value per timestep; soft values to two decimals.
    """
    drawn = {}
    for name, spikes in integer.items():
        time, _, size = spikes.shape
        steps = min(time, TIMESTEPS)
        shown = np.unique(np.linspace(0, size - 1, min(size, NEURONS)).astype(np.int64))
        drawn[name] = {
            "neurons": size,
            "timesteps": time,
            "shown": shown.tolist(),
            "before": np.round(before[name][:steps, 0, shown].T.astype(np.float64), 2).tolist(),
            "integer": (spikes[:steps, 0, shown].T != 0).astype(int).tolist(),
        }
    return drawn
