"""Hypothesis strategy of integer programs.

Thresholds are taken from what happens under full inputs, steady or blinking, which `inputs_for`
draws often: neurons do fire, ties do happen, and one unit of a membrane decides.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from support.strategies.second_order import MODELS as SECOND_ORDER
from support.strategies.second_order import SPIKING, second_order_model
from support.strategies.shapes import (
    FINE,
    FORMATS,
    GRADED,
    KINDS,
    MAXIMA,
    READOUT,
    READOUTS,
    Shape,
    seeds,
    shapes,
)
from ultralif_deploy.program import neurons
from ultralif_deploy.program import program as integer
from ultralif_deploy.program.convolution import Conv2d
from ultralif_deploy.program.fixed import DECAY_ONE, INT32_MAX, MEMBRANE_MAX, largest_held
from ultralif_deploy.program.graph import INPUT, Dense, Identity, LinearMap, Projection
from ultralif_deploy.program.resets import RESETS
from ultralif_deploy.program.weight_format import weight_format
from ultralif_deploy.simulators.reference import updates

DECAY_BITS = (12, 12, 12, 12, 12, 13, 17, 24)
WORDS = ((24, 6), (24, 6), (24, 6), (24, 6), (24, 6), (24, 9), (27, 6), (32, 14))
"""Widths and fraction bits of membranes."""


def decays(bits: int) -> tuple[int, ...]:
    """Decays of so many fraction bits, the smallest and the largest among them."""
    one = 1 << bits
    return (0, 1, one // 10, one // 4, one // 2, one - 1, one)


def _wide(shape: Shape) -> Shape:
    """The same with 7 inputs, where no convolution says otherwise."""
    if any(source == INPUT and isinstance(kind, Conv2d) for source, _, kind in shape.projections):
        return shape
    return replace(shape, sizes=shape.sizes | {INPUT: 7})


@st.composite
def programs(
    draw: st.DrawFn,
    populations: int = 4,
    timesteps: int = 6,
    kinds: tuple[str, ...] = KINDS,
    delayed: bool = True,
    chain: bool = False,
    readouts: tuple[str, ...] = READOUTS,
    images: bool | None = None,
) -> integer.Program:
    """Valid programs of every neuron kind, weight format and projection that there is.

    Args:
        draw: given by hypothesis.
        populations: at most so many beside the read-out.
        timesteps: at most so many.
        kinds: neuron kinds to draw from.
        delayed: whether projections may act one timestep later.
        chain: every population is driven by the one before it alone, through weights.
        readouts: kinds of the read-out to draw from.
        images: whether there are convolutions; None draws it, but in chains.
    """
    shape = draw(shapes(populations, delayed, chain, images))
    fill = draw(st.sampled_from(("uniform", "extreme", "sparse", "saturating")))
    form, maximum = "8", 255
    if fill == "saturating":  # currents of 64·7·127·255 membrane units pass 24 bits
        shape = _wide(shape)
    else:
        form, maximum = draw(st.sampled_from(FORMATS)), draw(st.sampled_from(MAXIMA))
    seed = draw(seeds)
    rng, other = np.random.default_rng(seed), np.random.default_rng([seed, 1])
    # hypothesis draws the first choice most often, so that should not be 1
    timesteps = min(timesteps, draw(st.sampled_from((3, 1, 2, 4, 5, 6, 4, 5, 6))))
    targets = list(shape.sizes)[1:]
    formats = dict.fromkeys(targets, form)
    if fill != "saturating" and other.random() < 0.3:
        formats = {name: str(other.choice(FORMATS)) for name in targets}
    projections = [
        Projection(
            source, target, _integer_map(rng, shape, source, target, kind, formats[target], fill)
        )
        for source, target, kind in shape.projections
    ]
    # What every source sends under the stimulus that sets the thresholds, int64 [time, neuron].
    sent = {INPUT: np.full((timesteps, shape.sizes[INPUT]), maximum, dtype=np.int64)}
    if draw(st.sampled_from((True, True, False))):
        sent[INPUT][::2] = 0
    made = []
    for name, size in list(shape.sizes.items())[1:]:
        readout = name == READOUT
        fitting = tuple(k for k in kinds if k in FINE) if fill == "saturating" else kinds
        fitting = readouts if readout else 3 * (fitting or kinds)
        kind = fitting[0] if len(fitting) == 1 else draw(st.sampled_from(fitting))
        bias_mode = draw(st.sampled_from(("opposed", "none", "small", "large")))
        bias_mode = "opposed" if fill == "saturating" else bias_mode
        mode = "tie" if readout else draw(st.sampled_from(("tie", "tie", "tie", "small", "edge")))
        current = np.zeros((timesteps, size), dtype=np.int64)
        for p in projections:
            if p.target == name and p.source in sent:  # delayed ones count as silent here
                current += sent[p.source] @ p.map.matrix().T.astype(np.int64)
        bias = _bias(rng, bias_mode, kind, current)
        neuron = _integer_neuron(rng, kind, mode, current, bias)
        sent[name] = np.array(_run(neuron, current, bias)[0])
        scale = rng.uniform(0.01, 2.0, size)
        made.append(integer.Population(name, size, neuron, bias, scale))
    return integer.Program(
        integer.Input(shape.sizes[INPUT], maximum),
        tuple(made),
        tuple(projections),
        formats,
        timesteps,
        draw(st.integers(1, 6)),
    )


def _integer_map(
    rng: np.random.Generator,
    shape: Shape,
    source: str,
    target: str,
    kind: bool | Conv2d,
    form: str,
    fill: str,
) -> LinearMap:
    if isinstance(kind, Conv2d):
        rows, columns = len(kind.weight), kind.weight[0].size
    else:
        rows, columns = shape.sizes[target], shape.sizes[source]
        if kind and rows == columns:
            return Identity(rows)

    def made(weight: np.ndarray) -> LinearMap:
        weight = weight.astype(np.int8)
        if isinstance(kind, Conv2d):
            return replace(kind, weight=weight.reshape(kind.weight.shape))
        return Dense(weight)

    low, high = weight_format(form).low, weight_format(form).high
    if fill == "saturating" and source == INPUT:
        rows_of_one_sign = rng.choice(np.array([low, high, high]), (rows, 1))
        return made(np.repeat(rows_of_one_sign, columns, axis=1))
    if fill == "extreme":
        return made(rng.choice(np.array([low, high, 0]), (rows, columns)))
    weight = rng.integers(low, high, (rows, columns), endpoint=True)
    if fill == "sparse":
        weight *= rng.random((rows, columns)) < 0.3
    return made(weight)


def _bias(rng: np.random.Generator, mode: str, kind: str, current: np.ndarray) -> np.ndarray:
    """Biases int64 [neuron] of a population that gets `current` [time, neuron]."""
    size = current.shape[1]
    if mode == "none" or (mode == "opposed" and kind not in FINE):
        return np.zeros(size, dtype=np.int64)
    if mode == "opposed":  # the membrane falls in silence and rises under full inputs
        return (-64 * current.max(axis=0) * rng.uniform(0.4, 0.95, size)).astype(np.int64)
    fine = kind in (*FINE, "li", "cubali")
    reach = 4 if mode == "small" else 1 << int(rng.integers(4, 25 if fine else 21))
    return rng.integers(-reach, reach, size, endpoint=True)


def _run(
    neuron: neurons.NeuronModel, current: np.ndarray, bias: np.ndarray
) -> tuple[list[list[int]], list[list[int]]]:
    """Spikes and membranes after every timestep of a population, for a current [time, neuron]."""
    parameters = {k: array.tolist() for k, array in neuron.parameters().items()}
    v = parameters.get("initial", [0] * (getattr(neuron, "WORDS", 1) * len(bias)))
    spikes, membranes = [], []
    for now in current.tolist():
        spike, v = updates.step(neuron, parameters, bias.tolist(), now, v)
        spikes.append(spike)
        membranes.append(v[: len(bias)])
    return spikes, membranes


def _integer_neuron(
    rng: np.random.Generator, kind: str, mode: str, current: np.ndarray, bias: np.ndarray
) -> neurons.NeuronModel:
    """Parameters of a kind; `current` [time, neuron] is what it gets under the stimulus."""
    timesteps, size = current.shape

    def any_of(values: Any) -> np.ndarray:
        return rng.choice(np.array(values, dtype=np.int64), size)

    def at_some_time(values: np.ndarray) -> np.ndarray:
        chosen = values[rng.integers(timesteps, size=size), np.arange(size)]
        return np.where(rng.random(size) < 0.5, values.max(axis=0), chosen)

    def levels_from(lowest: np.ndarray, reach: int) -> tuple[np.ndarray, int]:
        """Thresholds of several levels, some alike, in no order for a fifth of the populations."""
        levels = int(rng.choice((1, 2, 3, 7, 15)))
        steps = rng.integers(0, reach, (levels, size), endpoint=True)
        steps[0] = 0
        thresholds = lowest + np.cumsum(steps, axis=0) - steps.sum(axis=0) * rng.integers(2)
        if rng.random() < 0.2:
            thresholds = rng.permutation(thresholds)
        return np.clip(thresholds, -INT32_MAX - 1, INT32_MAX).reshape(-1), levels

    near = any_of((-1, -1, 0, 0, 1))
    never = np.full(size, INT32_MAX)
    if kind == "integrator":
        return neurons.Integrator()
    if kind in SECOND_ORDER:

        def states_of(neuron: neurons.NeuronModel) -> np.ndarray:
            return np.array(_run(neuron, current, bias)[1])

        return second_order_model(rng, kind, mode, states_of, size)
    if kind in (*FINE, *READOUTS):
        top, word = MEMBRANE_MAX, WORDS[0]
        bits = int(rng.choice(DECAY_BITS))
        decay, synaptic = (
            np.where(
                rng.random(size) < 0.5, any_of(decays(bits)), rng.integers(1 << bits, size=size)
            )
            for _ in range(2)
        )
        if kind == "li":
            return neurons.LeakyIntegrator(decay, bits)
        if kind == "cubali":
            return neurons.CubaLI(decay, synaptic, bits)
        reset_mode = str(rng.choice(list(RESETS)))
        many, most, floor = False, 1, None
        if kind in ("lif", "cubalif"):
            word = WORDS[rng.integers(len(WORDS))]
            top = largest_held(word[0])
            many = reset_mode == "subtract" and rng.random() < 0.4
            most = int(rng.choice((2, 3, 255))) if many else 1
            floor = any_of((0, -1, -64, 65, top, -top)) if rng.random() < 0.15 else None
        resets = any_of((0, 0, 1, -1, 64, top, -top))
        stride = int(rng.integers(1, size, endpoint=True))
        table, shift = _table(rng, mode, 64 * current + bias)

        def made(threshold: np.ndarray) -> neurons.NeuronModel:
            threshold = np.clip(threshold, -INT32_MAX - 1, INT32_MAX)
            reset = np.where(rng.random(size) < 0.5, np.clip(threshold, -top, top), resets)
            reset = np.where(many, np.clip(np.abs(reset), 1, top), reset)
            firing = reset, reset_mode, bits, *word, most, floor
            if kind == "lif":
                return neurons.LIF(threshold, decay, *firing)
            if kind == "cubalif":
                return neurons.CubaLIF(threshold, decay, synaptic, *firing)
            if kind in GRADED:
                limits, levels = levels_from(threshold, 4 if mode == "small" else 1 << 14)
                share = rng.integers(0, DECAY_ONE, levels, endpoint=True)
                share[-1] = rng.choice((0, DECAY_ONE, share[-1]))
                if kind == "gradedmax":
                    soft = decay - 300, table, share, shift
                    return neurons.GradedLogMaxLIF(limits, *soft, levels)
                if kind == "gradedlif":
                    return neurons.GradedLIF(limits, decay, share, levels, bits)
                form = kind.removeprefix("graded")
                return neurons.GradedUltraDLIF(limits, decay, share, levels, form, stride, bits)
            if kind == "logmax":
                return neurons.LogMaxLIF(threshold, decay - 300, table, shift)
            return neurons.UltraDLIF(threshold, decay, kind, stride, bits)

        if mode == "small":
            return made(any_of((-64, -1, 0, 1, 63, 64, 65)))
        if mode == "edge":
            return made(any_of((top - 1, top, top + 1, -top - 1, -top, 1 - top, 0, INT32_MAX)))
        membranes = np.array(_run(made(never), current, bias)[1])
        if kind in ("released", "gradedreleased"):
            around = [np.roll(membranes, places, axis=1) for places in (-stride, 0, stride)]
            membranes = np.maximum.reduce(around)
        return made(at_some_time(membranes) + near)
    extremes = (-INT32_MAX - 1, -INT32_MAX, -1, 0, 1, INT32_MAX)
    drive = current + bias
    threshold = any_of((-2, -1, 0, 1, 2)) if mode == "small" else at_some_time(drive) + near
    if mode == "edge":
        threshold = np.where(rng.random(size) < 0.5, any_of(extremes), threshold)
    if kind == "threshold":
        return neurons.Threshold(threshold)
    if kind == "multi":
        return neurons.MultiThreshold(*levels_from(threshold, 3 if mode == "small" else 1 << 10))
    if mode == "edge":
        return neurons.TropicalLIF(threshold, *(any_of(extremes) for _ in range(3)))
    decay = any_of((-3, -1, 0, 1, 2, 5))
    reset = any_of((-2, 0, 0, 1)) + rng.integers(2, size=size) * at_some_time(drive)
    initial = any_of((0, 0, 1, -4)) + rng.integers(2, size=size) * at_some_time(drive)
    if mode == "tie":
        free = neurons.TropicalLIF(never, decay, reset, initial)
        threshold = at_some_time(np.array(_run(free, current, bias)[1])) + near
    return neurons.TropicalLIF(threshold, decay, reset, initial)


def _table(rng: np.random.Generator, mode: str, drive: np.ndarray) -> tuple[np.ndarray, int]:
    """A falling table whose range is that of the gaps between `drive` and a membrane near 0."""
    top = MEMBRANE_MAX if mode == "edge" else 1 + int(np.abs(drive).max(initial=0)) % 4096
    table = np.sort(rng.integers(0, top, int(rng.integers(1, 9)), endpoint=True))[::-1]
    return table, int(rng.integers(24)) if mode == "edge" else int(rng.integers(12))


def second_order_programs(*kinds: str) -> st.SearchStrategy[integer.Program]:
    """Programs of models with two state words, or of these kinds, with a read-out that leaks."""
    chosen = kinds or (*SPIKING, *SPIKING, *KINDS)
    return programs(kinds=chosen, readouts=("integrator", "leaky_sum"))


def graded_programs() -> st.SearchStrategy[integer.Program]:
    """Programs in which most populations send more than one bit."""
    return programs(kinds=(*GRADED, *GRADED, *KINDS))
