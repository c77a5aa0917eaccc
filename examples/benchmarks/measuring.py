"""What the benchmarks share: the networks that they run, and how they time."""

import time
from collections.abc import Callable

import numpy as np

from ultralif_deploy.program.convolution import Conv2d
from ultralif_deploy.program.graph import INPUT, AnyMap, Dense, Identity, Projection
from ultralif_deploy.program.neurons import LIF, Integrator, NeuronModel, Threshold
from ultralif_deploy.program.program import Input, Population, Program

INPUTS, HIDDEN, CLASSES, TIMESTEPS, RATE = 784, 128, 10, 10, 0.1

Run = Callable[[np.ndarray], np.ndarray]
"""Logits [batch, class] of spikes [time, batch, input]."""


def mlp(seed: int) -> Program:
    """MLP 784-128-10 of threshold units, random 8-bit weights."""
    rng = np.random.default_rng(seed)
    first, last = _weights(rng, HIDDEN, INPUTS), _weights(rng, CLASSES, HIDDEN)
    return _chain((first, Threshold(rng.integers(-500, 500, HIDDEN))), (last, Integrator()))


def small_mlp(seed: int) -> Program:
    """MLP 64-64-10 of threshold units, random 4-bit weights: it fits every back end."""
    rng = np.random.default_rng(seed)
    first, last = _weights(rng, 64, 64, 7), _weights(rng, CLASSES, 64, 7)
    return _chain((first, Threshold(rng.integers(-20, 20, 64))), (last, Integrator()))


def lif_mlp(seed: int) -> Program:
    """MLP 784-128-10 of leaky neurons with one threshold and decay, random 5-bit weights."""
    rng = np.random.default_rng(seed)
    first, last = _weights(rng, HIDDEN, INPUTS, 15), _weights(rng, CLASSES, HIDDEN, 15)
    # 64 membrane units to a weight unit; decay 410 of 4096 is a leak of a tenth.
    threshold, decay = np.full(HIDDEN, 64 * 100), np.full(HIDDEN, 410)
    return _chain((first, LIF(threshold, decay, np.zeros(HIDDEN))), (last, Integrator()))


def convolutional(seed: int) -> Program:
    """1x28x28, two convolutions 8c3s2 and 16c3s2 of threshold units, 10 classes; 5-bit weights."""
    return _two_convolutions(seed, (1, 28, 28), (8, 16), 2, (range(10), range(30)))


def convolutional_32_64(seed: int) -> Program:
    """3x32x32, two convolutions 32c3s1 and 64c3s2 of threshold units, 10 classes."""
    return _two_convolutions(seed, (3, 32, 32), (32, 64), 1, (range(10, 40), range(20, 100)))


def wide_mlp(seed: int) -> Program:
    """MLP 784-512-512-10 of threshold units, random 8-bit weights."""
    rng = np.random.default_rng(seed)
    return _chain(
        (_weights(rng, 512, INPUTS), Threshold(rng.integers(-500, 500, 512))),
        (_weights(rng, 512, 512), Threshold(rng.integers(500, 2500, 512))),
        (_weights(rng, CLASSES, 512), Integrator()),
    )


def wide_lif_mlp(seed: int) -> Program:
    """MLP 784-512-512-10 of leaky neurons, random 5-bit weights."""
    rng = np.random.default_rng(seed)
    leaky = LIF(np.full(512, 64 * 150), np.full(512, 410), np.zeros(512))
    first, second = _weights(rng, 512, INPUTS, 15), _weights(rng, 512, 512, 15)
    return _chain((first, leaky), (second, leaky), (_weights(rng, CLASSES, 512, 15), Integrator()))


def recurrent(seed: int) -> Program:
    """784-128-10 of leaky neurons that also hear each other, one timestep later; 5-bit weights."""
    rng = np.random.default_rng(seed)
    hidden = LIF(np.full(HIDDEN, 64 * 150), np.full(HIDDEN, 410), np.zeros(HIDDEN))
    ends = ((INPUT, "hidden", INPUTS), ("hidden", "hidden", HIDDEN), ("hidden", "readout", HIDDEN))
    sizes = {"hidden": HIDDEN, "readout": CLASSES}
    return Program(
        Input(INPUTS),
        (_population("hidden", hidden, HIDDEN), _population("readout", Integrator(), CLASSES)),
        tuple(Projection(a, b, _weights(rng, sizes[b], size, 15)) for a, b, size in ends),
        "8",
        TIMESTEPS,
        TIMESTEPS,
    )


def residual(seed: int) -> Program:
    """3x32x32, a stem of 16 channels and two blocks of two 3x3 convolutions with a skip each.

    The first skip is an identity, the second a 1x1 convolution with stride 2.
    """
    rng, image = np.random.default_rng(seed), (3, 32, 32)
    wide, narrow = (16, 32, 32), (32, 16, 16)

    def conv(count: int, before: tuple[int, int, int], side: int = 3, stride: int = 1) -> Conv2d:
        weight = _weights(rng, count, before[0] * side**2, 15).weight
        weight = weight.reshape(count, before[0], side, side)
        return Conv2d(weight, before, (stride, stride), (side // 2, side // 2))

    projections = (
        Projection(INPUT, "stem", conv(16, image)),
        Projection("stem", "a1", conv(16, wide)),
        Projection("a1", "a2", conv(16, wide)),
        Projection("stem", "a2", Identity(16 * 32 * 32)),
        Projection("a2", "b1", conv(32, wide, stride=2)),
        Projection("b1", "b2", conv(32, narrow)),
        Projection("a2", "b2", conv(32, wide, side=1, stride=2)),
        Projection("b2", "readout", _weights(rng, CLASSES, 32 * 16 * 16, 15)),
    )
    sizes = {p.target: p.map.target_size for p in projections[:-1]}
    populations = [
        _population(name, Threshold(rng.integers(10, 60, size)), size)
        for name, size in sizes.items()
    ]
    readout = _population("readout", Integrator(), CLASSES)
    return Program(Input(3072), (*populations, readout), projections, "8", TIMESTEPS, TIMESTEPS)


def _population(name: str, neuron: NeuronModel, size: int) -> Population:
    return Population(name, size, neuron, np.zeros(size), np.ones(size))


def spikes(batch: int, inputs: int = INPUTS, rate: float = RATE) -> np.ndarray:
    """Seeded input spikes uint8 [time, batch, input]."""
    rng = np.random.default_rng(1)
    return (rng.random((TIMESTEPS, batch, inputs)) < rate).astype(np.uint8)


def seconds(run: Run, inputs: np.ndarray, minimum_s: float) -> float:
    """Seconds per call over at least `minimum_s`."""
    calls, start = 0, time.perf_counter()
    while (spent := time.perf_counter() - start) < minimum_s:
        run(inputs)
        calls += 1
    return spent / calls


def _weights(rng: np.random.Generator, target: int, source: int, largest: int = 127) -> Dense:
    return Dense(rng.integers(-largest, largest + 1, (target, source)).astype(np.int8))


def _two_convolutions(
    seed: int,
    image: tuple[int, int, int],
    channels: tuple[int, int],
    stride: int,
    thresholds: tuple[range, range],
) -> Program:
    """Two convolutions of threshold units and a read-out; the second one has stride 2.

    Args:
        seed: seed of weights and thresholds.
        image: channels, height and width of the inputs.
        channels: output channels of both.
        stride: stride of the first.
        thresholds: values from which the thresholds of each are drawn.
    """
    rng, shape = np.random.default_rng(seed), image
    maps: list[Conv2d] = []
    for count, step in zip(channels, (stride, 2), strict=True):
        weight = _weights(rng, count, shape[0] * 9, 15).weight.reshape(count, shape[0], 3, 3)
        maps.append(Conv2d(weight, shape, (step, step)))
        shape = maps[-1].output_shape
    units = [
        Threshold(one.per_neuron(rng.integers(values.start, values.stop, count)))
        for one, values, count in zip(maps, thresholds, channels, strict=True)
    ]
    last = _weights(rng, CLASSES, maps[-1].target_size, 15)
    return _chain(*zip(maps, units, strict=True), (last, Integrator()))


def _chain(*layers: tuple[AnyMap, NeuronModel]) -> Program:
    names = [*(f"hidden{i}" for i in range(1, len(layers))), "readout"]
    populations, projections, source = [], [], INPUT
    for name, (linear, neuron) in zip(names, layers, strict=True):
        size = linear.target_size
        populations.append(_population(name, neuron, size))
        projections.append(Projection(source, name, linear))
        source = name
    return Program(
        Input(layers[0][0].source_size),
        tuple(populations),
        tuple(projections),
        "8",
        TIMESTEPS,
        TIMESTEPS,
    )
