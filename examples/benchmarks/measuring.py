"""What the benchmarks share: the networks that they run, and how they time."""

import time
from collections.abc import Callable

import numpy as np

from ultralif_deploy.program.convolution import Conv2d
from ultralif_deploy.program.graph import INPUT, AnyMap, Dense, Projection
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
    rng = np.random.default_rng(seed)
    first = Conv2d(_weights(rng, 8, 9, 15).weight.reshape(8, 1, 3, 3), (1, 28, 28), (2, 2))
    second = Conv2d(
        _weights(rng, 16, 72, 15).weight.reshape(16, 8, 3, 3), first.output_shape, (2, 2)
    )
    return _chain(
        (first, Threshold(first.per_neuron(rng.integers(0, 10, 8)))),
        (second, Threshold(second.per_neuron(rng.integers(0, 30, 16)))),
        (_weights(rng, CLASSES, second.target_size, 15), Integrator()),
    )


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


def convolutional_32_64(seed: int) -> Program:
    """3x32x32, two convolutions 32c3s1 and 64c3s2 of threshold units, 10 classes."""
    rng = np.random.default_rng(seed)
    first = Conv2d(_weights(rng, 32, 27, 15).weight.reshape(32, 3, 3, 3), (3, 32, 32), (1, 1))
    second = Conv2d(
        _weights(rng, 64, 288, 15).weight.reshape(64, 32, 3, 3), first.output_shape, (2, 2)
    )
    return _chain(
        (first, Threshold(first.per_neuron(rng.integers(10, 40, 32)))),
        (second, Threshold(second.per_neuron(rng.integers(20, 100, 64)))),
        (_weights(rng, CLASSES, second.target_size, 15), Integrator()),
    )


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


def _chain(*layers: tuple[AnyMap, NeuronModel]) -> Program:
    names = [*(f"hidden{i}" for i in range(1, len(layers))), "readout"]
    populations, projections, source = [], [], INPUT
    for name, (linear, neuron) in zip(names, layers, strict=True):
        size = linear.target_size
        populations.append(Population(name, size, neuron, np.zeros(size), np.ones(size)))
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
