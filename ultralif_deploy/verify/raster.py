"""Spikes of one sample for the report's raster: a few neurons of each population, both networks."""

import numpy as np

from ultralif_deploy.schema.measured import Raster, RasterPopulation
from ultralif_deploy.schema.values import Kind

NEURONS, TIMESTEPS = 48, 64
"""At most so many neurons of a population and timesteps are kept."""


def sample_raster(
    before: dict[str, np.ndarray], after: dict[str, np.ndarray], kind: Kind, sample: int = 0
) -> Raster:
    """One sample's spikes beside each other, as plain values.

    Args:
        before: per population [time, batch, neuron]: soft spikes in [0, 1], or bool.
        after: per population, the integer program's spikes, uint8 [time, batch, neuron].
        kind: kind of `before`: `soft` or `float`.
        sample: index in the batch.

    Returns:
        Per population: `neurons` in all; `drawn`, evenly spaced numbers of those kept, at most
        `NEURONS`; `integer`, [[time, neuron]] of its spikes; and `soft`, values [time][drawn] with
        two decimals, or `float`, [[time, neuron]]. `timesteps` are the first `TIMESTEPS`, of `of`.
    """
    populations: dict[str, RasterPopulation] = {}
    steps = 0
    for name, spikes in after.items():
        steps, neurons = len(spikes), spikes.shape[2]
        kept = min(neurons, NEURONS)
        drawn = np.arange(kept) * neurons // max(1, kept)
        shown = slice(0, min(steps, TIMESTEPS))
        other = before[name][shown, sample][:, drawn]
        populations[name] = {
            "neurons": neurons,
            "drawn": drawn.tolist(),
            "integer": _events(spikes[shown, sample][:, drawn], drawn),
        }
        if kind == "soft":
            populations[name]["soft"] = np.round(other.astype(np.float64), 2).tolist()
        else:
            populations[name]["float"] = _events(other, drawn)
    return {
        "sample": sample,
        "compared": kind,
        "timesteps": min(steps, TIMESTEPS),
        "of": steps,
        "populations": populations,
    }


def _events(spikes: np.ndarray, drawn: np.ndarray) -> list[list[int]]:
    times, columns = np.nonzero(spikes)
    return [[int(t), int(drawn[c])] for t, c in zip(times, columns, strict=True)]
