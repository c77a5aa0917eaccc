"""Network + calibration -> Program: integer weights, exact integer thresholds."""

from dataclasses import replace
from fractions import Fraction

import numpy as np

from ultralif_deploy import network as hard
from ultralif_deploy import program as integer
from ultralif_deploy.channel_blocks import Block, channel_blocks
from ultralif_deploy.composition import Composed, Diagonal
from ultralif_deploy.encode import Encoder
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.fixed import DECAY_ONE, FRACTION_BITS, INT32_MAX, MEMBRANE_MAX
from ultralif_deploy.graph import INPUT, Identity, Projection
from ultralif_deploy.grid import (
    WeightFormat,
    fit_scale,
    round_to_grid,
    second_moment,
    weight_format,
)
from ultralif_deploy.hard import run_population, total_current
from ultralif_deploy.log_max import DEFAULT_ENTRIES, correction_table
from ultralif_deploy.second_order import (
    WordLengths,
    second_order_neuron,
    state_unit,
)

MOMENT_ROWS = 20_000
"""Rows of inputs from which second moments are estimated."""

INTEGER_LIMIT = INT32_MAX // 2
"""Thresholds, decays and resets are clipped here, far outside any current that fits 32 bits."""


def quantize(
    network: hard.Network,
    bits: int | str = 8,
    calibration: np.ndarray | None = None,
    encoder: Encoder | None = None,
    *,
    lengths: WordLengths | None = None,
    table: int = DEFAULT_ENTRIES,
) -> integer.Program:
    """Quantize a hard network after `apply_passes`.

    One scale S per target neuron, or per output channel of convolutions; one for the whole
    population where neurons are compared with each other (UltraDLIF, read-out) or share a table
    (LogMaxLIF). Clipping is chosen by least squared error of the currents on the calibration
    inputs, layer by layer, each on the spikes of the layers already quantized.
    A threshold unit fires iff S·q·x ≥ θ, so its integer threshold is ⌈θ/S⌉ − 1, computed in exact
    rational arithmetic; the membranes of LIF, UltraDLIF and LogMaxLIF count in S/64.

    Args:
        network: with one map per projection and without input scale.
        bits: 2 to 8 or `ternary`.
        calibration: integer inputs uint8 [time, batch, input]; None weighs all inputs alike.
        encoder: stored with the program, so that its inputs can be made again.
        lengths: word lengths of models with two state words; None is the default.
        table: entries of the correction tables of LogMaxLIF.

    Raises:
        UltralifError: composed maps, input scale or gain left, bad bits or table size, a current
            beyond 32 bits, an ε beyond 24.
    """
    form = weight_format(bits)
    lengths = lengths or WordLengths()
    if network.input.scale != 1.0 or network.input.offset != 0.0:
        raise UltralifError("input: scale and offset left; apply fold-input first")
    signals = None if calibration is None else {INPUT: calibration[: network.timesteps]}
    populations: list[integer.Population] = []
    projections: list[Projection] = []
    for population in network.populations:
        incoming = network.incoming(population.name)
        if any(isinstance(p.map, (Composed, Diagonal)) for p in incoming):
            raise UltralifError(f"{population.name}: composed maps left; apply fold-linear first")
        if isinstance(population.neuron, hard.GAINED) and np.any(population.neuron.gain != 1):
            raise UltralifError(f"{population.name}: gain left; apply fold-gain first")
        scale, maps = _quantize_weights(population, incoming, form, signals, lengths)
        if isinstance(population.neuron, hard.SECOND_ORDER):
            largest = _largest_current(network, population, maps, scale)
            model, unit = second_order_neuron(population.neuron, scale, largest, lengths)
            bias = np.clip(np.rint(population.bias / unit), -INTEGER_LIMIT, INTEGER_LIMIT)
            quantized = integer.Population(population.name, population.size, model, bias, scale)
        else:
            quantized = _quantize_population(population, scale, table)
        populations.append(quantized)
        projections += maps
        if signals is not None and quantized.spikes:
            signals[population.name] = _calibration_spikes(
                network, population, maps, scale, signals
            )
    return integer.Program(
        integer.Input(network.input.size, network.input.maximum),
        tuple(populations),
        tuple(projections),
        form.name,
        network.timesteps,
        network.divisor,
        {} if encoder is None else encoder.as_dict(),
    )


def integer_threshold(threshold: float, scale: float, inclusive: bool) -> int:
    """Largest integer n that must not fire: scale·n < θ (inclusive) or scale·n ≤ θ.

    ⌈θ/S⌉ − 1 where the neuron fires at equality, ⌊θ/S⌋ where it does not; exact for all floats.
    """
    ratio = Fraction(threshold) / Fraction(scale)
    return -((-ratio) // 1) - 1 if inclusive else ratio // 1


def _quantize_weights(
    population: hard.Population,
    incoming: tuple[Projection, ...],
    form: WeightFormat,
    signals: dict[str, np.ndarray] | None,
    lengths: WordLengths,
) -> tuple[np.ndarray, list[Projection]]:
    """Scale [neuron] and the integer projections, which share it.

    Weights that serve several neurons (a kernel serves a channel) force one scale on them.
    """
    if all(isinstance(p.map, Identity) for p in incoming):
        return np.ones(population.size), list(incoming)
    one_scale = (hard.UltraDLIF, hard.LogMaxLIF, *hard.READOUTS)
    shared = isinstance(population.neuron, one_scale)
    blocks = channel_blocks([p.map for p in incoming])
    weight = np.hstack([block.rows for block in blocks])
    moment = None
    if signals is not None and all(p.source in signals for p in incoming):
        moment = _moment(blocks, [signals[p.source] for p in incoming])
    scale, q = fit_scale(weight, form, moment, shared=shared)
    if isinstance(population.neuron, (hard.SiLIF, hard.CSiLIF, hard.AdaLIF)):
        # Weights finer than the state's unit would be lost in it.
        unit = state_unit(population.neuron, lengths).reshape(len(scale), -1).max(axis=1)
        scale = np.maximum(scale, unit)
        q = round_to_grid(weight, scale, form)
    maps, start = [], 0
    for p, block in zip(incoming, blocks, strict=True):
        stop = start + block.rows.shape[1]
        maps.append(Projection(p.source, p.target, block.restored(q[:, start:stop])))
        start = stop
    return np.repeat(scale, population.size // len(scale)), maps


def _moment(blocks: list[Block], signals: list[np.ndarray]) -> np.ndarray | None:
    """E[x xᵀ] of what the rows see, of at most `MOMENT_ROWS` rows; None where rows differ in it."""
    columns = []
    for block, signal in zip(blocks, signals, strict=True):
        flat = signal.reshape(-1, signal.shape[-1])
        places = 1 if block.conv is None else int(np.prod(block.conv.output_shape[1:]))
        flat = flat[:: max(1, len(flat) * places // MOMENT_ROWS)]
        seen = block.inputs(flat)
        if seen is None:
            return None
        columns.append(seen)
    return second_moment(np.hstack(columns))


def _quantize_population(
    population: hard.Population, scale: np.ndarray, table: int
) -> integer.Population:
    neuron = population.neuron
    leaky = not isinstance(neuron, (hard.Threshold, hard.TropicalLIF, hard.Integrator))
    unit = scale / (1 << FRACTION_BITS) if leaky else scale

    def thresholds(values: np.ndarray, inclusive: bool) -> np.ndarray:
        # Neurons of a channel are mostly alike: each pair of threshold and scale once.
        pairs, which = np.unique(np.stack((values, unit)), axis=1, return_inverse=True)
        exact = [integer_threshold(float(t), float(s), inclusive) for t, s in pairs.T]
        clipped = [min(max(t, -INTEGER_LIMIT), INTEGER_LIMIT) for t in exact]
        return np.array(clipped, dtype=np.int64)[which.reshape(-1)]

    def nearest(values: np.ndarray, limit: int = INTEGER_LIMIT) -> np.ndarray:
        return np.clip(np.rint(values / unit), -limit, limit)

    model: integer.Neuron
    if isinstance(neuron, hard.Threshold):
        model = integer.Threshold(thresholds(neuron.threshold, neuron.inclusive))
    elif isinstance(neuron, hard.TropicalLIF):
        model = integer.TropicalLIF(
            thresholds(neuron.threshold, neuron.inclusive),
            nearest(neuron.decay),
            nearest(neuron.reset),
            nearest(neuron.initial),
        )
    elif isinstance(neuron, hard.LIF):
        model = integer.LIF(
            thresholds(neuron.threshold, neuron.inclusive),
            _decay(neuron.tau),
            nearest(neuron.reset, MEMBRANE_MAX),
            neuron.reset_mode,
        )
    elif isinstance(neuron, hard.UltraDLIF):
        model = integer.UltraDLIF(
            thresholds(neuron.threshold, neuron.inclusive),
            _decay(neuron.tau),
            neuron.form,
            neuron.stride,
        )
    elif isinstance(neuron, hard.LogMaxLIF):
        try:
            correction = correction_table(neuron.epsilon / float(unit.max()), table)
        except UltralifError as error:
            raise UltralifError(f"{population.name}: {error}") from error
        model = integer.LogMaxLIF(
            thresholds(neuron.threshold, neuron.inclusive),
            nearest(neuron.decay),
            correction.values,
            correction.shift,
        )
    elif isinstance(neuron, hard.CubaLIF):
        model = integer.CubaLIF(
            thresholds(neuron.threshold, neuron.inclusive),
            _decay(neuron.tau),
            _decay(neuron.synaptic_tau),
            nearest(neuron.reset, MEMBRANE_MAX),
            neuron.reset_mode,
        )
    elif isinstance(neuron, hard.LeakyIntegrator):
        model = integer.LeakyIntegrator(_decay(neuron.tau))
    elif isinstance(neuron, hard.CubaLI):
        model = integer.CubaLI(_decay(neuron.tau), _decay(neuron.synaptic_tau))
    else:
        model = integer.Integrator()
    return integer.Population(
        population.name, population.size, model, nearest(population.bias), scale
    )


def _largest_current(
    network: hard.Network, population: hard.Population, maps: list[Projection], scale: np.ndarray
) -> np.ndarray:
    """Bound of the real |current| with bias, [neuron], for any input."""
    total = np.abs(population.bias)
    for p in maps:
        values = network.input.maximum if p.source == INPUT else 1
        total = total + scale * np.abs(p.map.matrix().astype(np.float64)).sum(axis=1) * values
    return total


def _decay(tau: np.ndarray) -> np.ndarray:
    """Decay in units of 2^-12: 4096·(1 − τ), nearest."""
    return np.clip(np.rint(DECAY_ONE * (1 - tau)), 0, DECAY_ONE)


def _calibration_spikes(
    network: hard.Network,
    population: hard.Population,
    maps: list[Projection],
    scale: np.ndarray,
    signals: dict[str, np.ndarray],
) -> np.ndarray:
    """Spikes of a population with its weights as quantized, on the calibration signals."""
    here = {p.name for p in maps}
    rounded = [
        p
        if isinstance(p.map, Identity)
        else replace(p, map=Composed((p.map, Diagonal(scale))).product())
        for p in maps
    ]
    # Delayed projections come from populations that are not quantized yet: taken as silent.
    shape = signals[INPUT].shape[:2]
    silent = {p.source: np.zeros((*shape, p.map.source_size)) for p in maps}
    others = [p for p in network.projections if p.name not in here]
    quantized = hard.Network(
        network.input,
        network.populations,
        tuple(others + rounded),
        network.timesteps,
        network.divisor,
    )
    current = total_current(quantized, population, silent | signals)
    spikes, _ = run_population(population.neuron, current)
    return spikes
