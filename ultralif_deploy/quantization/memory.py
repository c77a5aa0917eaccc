"""How long populations remember their inputs, and how rounding errors of weights add up.

Let e be the rounding errors of a neuron's weights and x its inputs. A neuron without memory has
the error e·x at every timestep. A leaky membrane adds these errors up: its error is e·X with
X ← τ·X + x. With a synaptic current, X is filtered twice. Inputs are never negative, so with a long
memory the mean of X becomes larger than its variation. Then errors that do not cancel out over the
inputs cost most.
"""

import numpy as np

from ultralif_deploy.network.neurons import FloatNeuron
from ultralif_deploy.program.fixed import DECAY_BITS, MAX_DECAY_BITS
from ultralif_deploy.quantization.channel_blocks import Block
from ultralif_deploy.quantization.moments import FULL_MOMENT_INPUTS, Moment, second_moment

MOMENT_ROWS = 20_000
"""Rows of inputs from which second moments are estimated."""

PRIOR_RATE = 0.1
"""Share of active inputs where no calibration data say it."""

SHIFT, WIDE_SHIFT = 1 / 16, 1 / 256
"""Timesteps by which rounded decays may move spikes: with 12 bits, and with more."""

LONGEST_RESPONSE = 100_000
"""Timesteps over which a response is summed up."""

NEAR = 1e-6
"""Decays closer together are taken for equal."""


def decays(neuron: FloatNeuron) -> tuple[float, ...]:
    """Mean decay factor of the membrane, and that of the synaptic current if there is one.

    Empty for models that do not add their currents up.
    """
    return tuple(float(np.mean(kept)) for kept in neuron.kept)


def needed_decay_bits(neuron: FloatNeuron, timesteps: int) -> int:
    """Fewest fraction bits, at least 12, with which rounded decays do not move spikes.

    An error Δ of τ changes a membrane that adds up over n = 1 + τ + … + τ^(T − 1) timesteps by
    n·Δ of itself, and so moves its spikes by up to n²·Δ timesteps; behind a synapse the longer
    memory counts beside the synapse's own. Twelve bits, which Loihi holds, are kept up to a shift
    of `SHIFT` timesteps; more bits are taken until it is `WIDE_SHIFT` or less.
    """
    taus = neuron.kept
    if not taus:
        return DECAY_BITS
    lengths = [gain(tau, timesteps) for tau in taus]
    longest = np.maximum.reduce(lengths)

    def shift(bits: int) -> float:
        one = 1 << bits
        errors = (np.abs(np.rint(one * (1 - tau)) / one - (1 - tau)) for tau in taus)
        return max(
            float((error * n * longest).max()) for error, n in zip(errors, lengths, strict=True)
        )

    if shift(DECAY_BITS) <= SHIFT:
        return DECAY_BITS
    wide = (bits for bits in range(DECAY_BITS + 1, MAX_DECAY_BITS) if shift(bits) <= WIDE_SHIFT)
    return next(wide, MAX_DECAY_BITS)


def gain(tau: np.ndarray, timesteps: int) -> np.ndarray:
    """1 + τ + … + τ^(T − 1), [neuron], for 0 ≤ τ ≤ 1."""
    kept = np.where(tau < 1, tau, 0.0)
    return np.where(tau < 1, (1 - kept**timesteps) / (1 - kept), float(timesteps))


def assumed_moment(neuron: FloatNeuron, timesteps: int, weights: int) -> Moment:
    """The moment without calibration data: inputs that are active at random, all alike.

    Args:
        neuron: the model that the weights lead to.
        timesteps: T of one inference.
        weights: number of weights of one neuron.
    """
    kept = decays(neuron)
    if not kept:
        return Moment()
    response = _response(kept, min(timesteps, LONGEST_RESPONSE))
    varying = PRIOR_RATE * (1 - PRIOR_RATE) * np.sum(response**2)
    mean = PRIOR_RATE * np.sum(response) / np.sqrt(varying)
    return Moment(None, np.full(weights, mean))


def _response(kept: tuple[float, ...], timesteps: int) -> np.ndarray:
    """Effect of one input on the membrane, timestep by timestep.

    It is τ^t for a membrane alone, and behind a synapse
    Σ α^i·τ^(t − i) = (τ^(t + 1) − α^(t + 1))/(τ − α).
    """
    steps = np.arange(timesteps)
    tau = kept[0]
    if len(kept) == 1:
        alone: np.ndarray = tau**steps
        return alone
    alpha = kept[1]
    if abs(tau - alpha) < NEAR:
        together: np.ndarray = (steps + 1) * tau**steps
        return together
    response: np.ndarray = (tau ** (steps + 1) - alpha ** (steps + 1)) / (tau - alpha)
    return response


def measured_moment(
    neuron: FloatNeuron, blocks: list[Block], signals: list[np.ndarray]
) -> Moment | None:
    """The moment on calibration data, of at most `MOMENT_ROWS` rows; None where rows differ in it.

    Args:
        neuron: neuron of the population that the weights lead to.
        blocks: blocks of the weights, one for each projection.
        signals: signal of each source, [time, batch, source].
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
    if x.shape[1] <= FULL_MOMENT_INPUTS:
        return Moment(second_moment(x))
    mean = x.mean(axis=0)
    return Moment(np.maximum(second_moment(x) - mean**2, 0.0), mean)


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
