"""Network + calibration -> Program: integer weights, exact integer thresholds."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ultralif_deploy.data.encoders import Encoder
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.network.composition import Composed, Diagonal
from ultralif_deploy.network.network import Network, Population
from ultralif_deploy.network.neurons import FloatNeuron
from ultralif_deploy.network.running import total_current
from ultralif_deploy.program import program as integer
from ultralif_deploy.program.fixed import DECAY_BITS, MAX_MEMBRANE_BITS
from ultralif_deploy.program.graph import INPUT, AnyMap, Identity, Projection
from ultralif_deploy.program.weight_format import Bits, WeightFormat, formats_of, named
from ultralif_deploy.quantization.channel_blocks import channel_blocks
from ultralif_deploy.quantization.correction_table import DEFAULT_ENTRIES
from ultralif_deploy.quantization.grid import Multiples, fit_weights
from ultralif_deploy.quantization.integers import Rounding
from ultralif_deploy.quantization.memory import assumed_moment, measured_moment, needed_decay_bits
from ultralif_deploy.quantization.neurons import integer_neuron
from ultralif_deploy.quantization.registers import (
    PLAIN,
    Needs,
    Word,
    current_range,
    largest_weights,
    needs,
    needs_wide_word,
    wide_word,
)
from ultralif_deploy.quantization.second_order import WordLengths

SAMPLES_AT_ONCE = 200
"""Calibration samples that run at once, so that their float64 currents need little memory."""


def quantize(
    network: Network,
    bits: Bits = 8,
    calibration: np.ndarray | None = None,
    encoder: Encoder | None = None,
    *,
    lengths: WordLengths | None = None,
    table: int = DEFAULT_ENTRIES,
    decay_bits: int | None = None,
) -> integer.Program:
    """Quantize a hard network after `apply_passes`.

    One scale S per target neuron, or per output channel of convolutions; one for the whole
    population where neurons are compared with each other (UltraDLIF, read-out) or share a table
    (LogMaxLIF). Clipping is chosen by least squared error of the currents on the calibration
    inputs, layer by layer, each on the spikes of the layers already quantized.
    A threshold unit fires iff S·q·x ≥ θ, so its integer threshold is ⌈θ/S⌉ − 1, computed in exact
    rational arithmetic; the membranes of LIF, UltraDLIF and LogMaxLIF count in S/64.

    Args:
        network: network with one map per projection and without input scale.
        bits: 2 to 8 or `ternary`, for all weights or for those into each population by name.
        calibration: integer inputs uint8 [time, batch, input]; None weighs all inputs alike.
        encoder: stored with the program, so that its inputs can be made again.
        lengths: word lengths of models with two state words; None is the default.
        table: entries of the correction tables of LogMaxLIF.
        decay_bits: fraction bits of leaky models' decays, 12 to 24; None is as many as each
            population needs (`memory.needed_decay_bits`).

    Raises:
        UltralifError: composed maps, input scale or gain left, bad bits or table size, a current
            beyond 32 bits, an ε beyond 24.
    """
    formats = formats_of(bits, (p.name for p in network.populations))
    lengths = lengths or WordLengths()
    if not network.input.plain:
        raise UltralifError("input: scale and offset left; apply fold-input first")
    signals = None if calibration is None else {INPUT: calibration[: network.timesteps]}
    populations: list[integer.Population] = []
    projections: list[Projection] = []
    for population in network.populations:
        incoming, numbers = network.incoming(population.name), formats[population.name]
        if any(isinstance(p.map, (Composed, Diagonal)) for p in incoming):
            raise UltralifError(f"{population.name}: composed maps left; apply fold-linear first")
        gain = population.neuron.current_gain
        if gain is not None and np.any(gain != 1):
            raise UltralifError(f"{population.name}: gain left; apply fold-gain first")
        currents = current_range(population, incoming, network.largest_sent)
        asked = needs(population, *currents, network.timesteps, lengths)
        bits_of_decay = decay_bits or needed_decay_bits(population.neuron, network.timesteps)
        plain = largest_weights(incoming, population.size) / numbers.high
        wide = decay_bits != DECAY_BITS and needs_wide_word(asked, plain, bits_of_decay)
        asked = asked.held_in(Word(MAX_MEMBRANE_BITS)) if wide else asked
        scale, maps = _quantize_weights(
            population, incoming, numbers, signals, network.timesteps, asked
        )
        word = wide_word(asked, scale) if wide else PLAIN
        largest = _largest_current(population, maps, scale, network.largest_sent)
        rounding = Rounding(
            name=population.name,
            scale=scale,
            unit=scale,
            reaches=asked.reaches,
            largest=largest,
            decay_bits=bits_of_decay,
            word=word,
            lengths=lengths,
            table=table,
        )
        quantized = _quantize_population(population, rounding)
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
        named(formats),
        network.timesteps,
        network.divisor,
        {} if encoder is None else encoder.as_dict(),
    )


def _quantize_weights(
    population: Population,
    incoming: tuple[Projection, ...],
    numbers: WeightFormat,
    signals: dict[str, np.ndarray] | None,
    timesteps: int,
    asked: Needs,
) -> tuple[np.ndarray, list[Projection]]:
    """Scale [neuron] and the integer projections, which share it.

    Weights that serve several neurons (a kernel serves a channel) force one scale on them.
    """
    if all(isinstance(p.map, Identity) for p in incoming):
        return np.ones(population.size), list(incoming)
    neuron = population.neuron
    shared = neuron.COMPARES
    blocks = channel_blocks([p.map for p in incoming])
    weight = np.hstack([block.rows for block in blocks])
    moment = None
    if signals is not None and all(p.source in signals for p in incoming):
        moment = measured_moment(neuron, blocks, [signals[p.source] for p in incoming])
    if moment is None:
        moment = assumed_moment(neuron, timesteps, weight.shape[1])
    scale, q = fit_weights(
        weight,
        numbers,
        moment,
        shared=shared,
        least=asked.least_scale.reshape(len(weight), -1).max(axis=1),
        multiples=_multiples(neuron),
    )
    _check_weights_left(population.name, weight, q, scale, shared, asked)
    maps, start = [], 0
    for p, block in zip(incoming, blocks, strict=True):
        stop = start + block.rows.shape[1]
        maps.append(Projection(p.source, p.target, block.restored(q[:, start:stop])))
        start = stop
    return np.repeat(scale, population.size // len(scale)), maps


def _multiples(neuron: FloatNeuron) -> Multiples:
    """Which multiples of a grid keep what the neuron does, and make its unit smaller."""
    if neuron.TIMELESS or neuron.OWN_UNIT:
        return Multiples.SMALLEST
    breaks = any(np.all((kept > 0) & (kept < 1)) for kept in neuron.kept)
    return Multiples.ALL if breaks else Multiples.POWERS_OF_TWO


def _check_weights_left(
    name: str, weight: np.ndarray, q: np.ndarray, scale: np.ndarray, shared: bool, asked: Needs
) -> None:
    """Refuse a neuron that its inputs drive, and whose registers round all weights to nothing.

    Raises:
        UltralifError: naming the neuron and the ratio that does not fit.
    """
    driven = asked.driven.reshape(len(weight), -1)
    largest = np.abs(weight).max(axis=1, initial=0.0)
    coarse = scale > (largest.max(initial=0.0) if shared else largest)
    lost = coarse & weight.any(axis=1) & ~q.any(axis=1) & driven.any(axis=1)
    if lost.any():
        row = int(np.argmax(lost))
        n = row * driven.shape[1] + int(np.argmax(asked.values.reshape(driven.shape)[row]))
        raise UltralifError(
            f"{name}: neuron {n} must hold {asked.values[n]:g} in a register of "
            f"{asked.top:,.0f} steps, and its largest weight, {largest[row]:g}, is less than a "
            "step; expected larger weights beside it: longer timesteps (--dt) make those of "
            "another tool's file larger, and a hard membrane (--membrane hard) has no ε to hold"
        )


def _quantize_population(population: Population, rounding: Rounding) -> integer.Population:
    """The integer neurons and biases; the rounding has the scale of the weights."""
    model, rounding = integer_neuron(population.neuron, rounding)
    bias = rounding.nearest(population.bias, "bias")
    return integer.Population(population.name, population.size, model, bias, rounding.scale)


def _largest_current(
    population: Population,
    maps: list[Projection],
    scale: np.ndarray,
    sends: Callable[[str], int],
) -> np.ndarray:
    """Bound of the real |current| with bias, as quantized, [neuron], for any input."""
    rounded = [replace(p, map=_real(p.map, scale)) for p in maps]
    low, high = current_range(population, rounded, sends)
    largest: np.ndarray = np.maximum(-low, high)
    return largest


def _real(linear: AnyMap, scale: np.ndarray) -> AnyMap:
    """A map of integers in real values."""
    if isinstance(linear, Identity):
        return linear
    return Composed((linear, Diagonal(scale))).product()


def _calibration_spikes(
    network: Network,
    population: Population,
    maps: list[Projection],
    scale: np.ndarray,
    signals: dict[str, np.ndarray],
) -> np.ndarray:
    """Spikes of a population with its weights as quantized, on the calibration signals."""
    here = {p.name for p in maps}
    rounded = [replace(p, map=_real(p.map, scale)) for p in maps]
    # Delayed projections come from populations that are not quantized yet: taken as silent.
    shape = signals[INPUT].shape[:2]
    silent = {p.source: np.zeros((*shape, p.map.source_size), dtype=bool) for p in maps}
    others = [p for p in network.projections if p.name not in here]
    quantized = Network(
        network.input,
        network.populations,
        tuple(others + rounded),
        network.timesteps,
        network.divisor,
    )
    sources = silent | signals
    parts = []
    for start in range(0, shape[1], SAMPLES_AT_ONCE):
        part = {name: s[:, start : start + SAMPLES_AT_ONCE] for name, s in sources.items()}
        parts.append(population.neuron.run(total_current(quantized, population, part))[0])
    return np.concatenate(parts, axis=1)
