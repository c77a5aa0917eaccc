"""How long populations remember what comes in, and what their weights' rounding errors add up to.

A memoryless neuron errs by e·x at every timestep, e being the error of its weights and x what
comes in. A membrane that leaks adds these errors up: it errs by e·X with X ← τ·X + x, behind a
synapse by e·X with X filtered twice. Inputs are never negative, so over a long memory the mean of
X outgrows its variation, and an error that does not cancel out over the inputs costs most.
"""

from typing import Any

import numpy as np

from ultralif_deploy import network as hard
from ultralif_deploy.channel_blocks import Block
from ultralif_deploy.moments import FULL_MOMENT_INPUTS, Moment, second_moment

MOMENT_ROWS = 20_000
"""Rows of inputs from which second moments are estimated."""

PRIOR_RATE = 0.1
"""Share of active inputs where no calibration data say it."""

ONE_DECAY = (hard.LIF, hard.UltraDLIF, hard.LeakyIntegrator)
TWO_DECAYS = (hard.CubaLIF, hard.CubaLI)


def decays(neuron: Any) -> tuple[float, ...]:
    """What the population's mean neuron keeps of its membrane, and of its synaptic current.

    Empty for models that do not add their currents up.
    """
    if isinstance(neuron, TWO_DECAYS):
        return float(np.mean(neuron.tau)), float(np.mean(neuron.synaptic_tau))
    return (float(np.mean(neuron.tau)),) if isinstance(neuron, ONE_DECAY) else ()


def assumed_moment(neuron: hard.Neuron, timesteps: int, weights: int) -> Moment:
    """The moment without calibration data: inputs that are active at random, all alike."""
    kept = decays(neuron)
    if not kept:
        return Moment()
    impulse = np.zeros((timesteps, 1, 1))
    impulse[0] = 1.0
    response = _filtered(impulse, kept, np.arange(timesteps))
    varying = PRIOR_RATE * (1 - PRIOR_RATE) * np.sum(response**2)
    mean = PRIOR_RATE * np.sum(response) / np.sqrt(varying)
    return Moment(None, np.full(weights, mean), adds_up=True)


def measured_moment(
    neuron: hard.Neuron, blocks: list[Block], signals: list[np.ndarray]
) -> Moment | None:
    """The moment on calibration data, of at most `MOMENT_ROWS` rows; None where rows differ in it.

    Args:
        neuron: of the population that the weights lead to.
        blocks: of the weights, one for each projection.
        signals: what each source sends, [time, batch, source].
    """
    kept = decays(neuron)
    columns = []
    for block, signal in zip(blocks, signals, strict=True):
        places = 1 if block.conv is None else int(np.prod(block.conv.output_shape[1:]))
        rows = signal.shape[0] * signal.shape[1]
        chosen = np.arange(0, rows, max(1, rows * places // MOMENT_ROWS))
        seen = block.inputs(_filtered(signal, kept, chosen))
        if seen is None:
            return None
        columns.append(seen)
    x = np.hstack(columns)
    if not kept:
        return Moment(second_moment(x))
    if x.shape[1] <= FULL_MOMENT_INPUTS:
        return Moment(second_moment(x), adds_up=True)
    mean = x.mean(axis=0)
    return Moment(np.maximum(second_moment(x) - mean**2, 0.0), mean, adds_up=True)


def _filtered(signal: np.ndarray, kept: tuple[float, ...], chosen: np.ndarray) -> np.ndarray:
    """Chosen rows of a signal [time, batch, source] after leaky sums, [row, source].

    Rows are numbered by timestep, then by sample.
    """
    batch = signal.shape[1]
    if not kept:
        return signal.reshape(-1, signal.shape[-1])[chosen]
    sums = [np.zeros(signal.shape[1:]) for _ in kept]
    sampled = np.empty((len(chosen), signal.shape[-1]))
    for t, now in enumerate(signal):
        total: np.ndarray = now
        for one, tau in zip(sums, reversed(kept), strict=True):
            one *= tau
            one += total
            total = one
        here = np.flatnonzero(chosen // batch == t)
        sampled[here] = total[chosen[here] % batch]
    return sampled
