"""Distances of the hard network's membranes from their thresholds: a sample, and its summary."""

import numpy as np

from ultralif_deploy.schema.measured import MarginHistogram, Margins

BLOCK_MARGINS, ALL_MARGINS = 100_000, 1_000_000
"""About as many margins of a population are kept of one block, and of all blocks."""

MOST_POWER = 24
"""The histogram ends at this power of two."""

QUANTILES = (0.01, 0.05, 0.5)


def margin_sample(margins: np.ndarray, unit: np.ndarray, share: float) -> np.ndarray:
    """Some margins of a block in units of the integer membrane, float64 [margin].

    They are evenly spaced, so that memory stays bounded.

    Args:
        margins: v − θ of the block, float64 [time, batch, neuron].
        unit: real value of one unit of the integer membrane, float64 [neuron].
        share: share of all samples that the block holds.
    """
    flat, wanted = margins.reshape(-1), min(BLOCK_MARGINS, int(share * ALL_MARGINS))
    step, neurons = max(1, flat.size // max(1, wanted)), margins.shape[-1]
    units = unit[np.arange(0, flat.size, step) % neurons]
    sampled: np.ndarray = flat[::step] / units
    return sampled


def margin_units(margins: np.ndarray) -> Margins:
    """Quantiles of |v − θ| in units of the integer membrane."""
    q01, q05, q50 = np.quantile(np.abs(margins), QUANTILES, overwrite_input=True).tolist()
    return {"q01": q01, "q05": q05, "q50": q50}


def margin_histogram(margins: np.ndarray) -> MarginHistogram:
    """Shares of the margins, in bins of |v − θ| that end at 1, 2, 4, 8 … units.

    Args:
        margins: v − θ in units of the integer membrane; the last bin also holds those beyond
            2^`MOST_POWER`.
    """
    powers = np.abs(margins)
    np.clip(powers, 0.5, 2.0**MOST_POWER - 1, out=powers)
    np.floor(np.log2(powers, out=powers), out=powers)
    place = (powers + 1).astype(np.int8)
    bins = 1 + int(place.max(initial=0))
    fires = margins >= 0
    below, above = (
        np.bincount(place[part], minlength=bins) / max(1, len(margins)) for part in (~fires, fires)
    )
    return {
        "ends": [2**power for power in range(bins)],
        "below": below.tolist(),
        "above": above.tolist(),
    }
