"""Programs to place on the cores of a chip, and spikes for them."""

from collections.abc import Callable

import numpy as np

from ultralif_deploy.program.graph import INPUT, Dense, Identity, Projection
from ultralif_deploy.program.neurons import Integrator, NeuronModel, Threshold
from ultralif_deploy.program.program import Input, Population, Program


def chain(
    sizes: tuple[int, ...],
    neuron: Callable[[int], NeuronModel] | None = None,
    seed: int = 0,
    bits: str = "8",
    timesteps: int = 4,
    maximum: int = 1,
) -> Program:
    """Fully connected populations of threshold units, or another model, and an Integrator."""
    rng = np.random.default_rng(seed)
    half = 1 << (int(bits) - 1)
    names = [INPUT, *(f"p{i}" for i in range(len(sizes) - 2)), "out"]
    populations, projections = [], []
    for i, size in enumerate(sizes[1:], 1):
        weight = rng.integers(-half, half, (size, sizes[i - 1])).astype(np.int8)
        projections.append(Projection(names[i - 1], names[i], Dense(weight)))
        zeros = np.zeros(size, dtype=np.int32)
        made = neuron(size) if neuron else Threshold(zeros + 20)
        model: NeuronModel = Integrator() if i == len(sizes) - 1 else made
        populations.append(Population(names[i], size, model, zeros, np.ones(size)))
    return Program(
        Input(sizes[0], maximum), tuple(populations), tuple(projections), bits, timesteps, 1, {}
    )


def spikes_in(program: Program, batch: int = 3, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    shape = (program.timesteps, batch, program.input.size)
    return rng.integers(0, 2, shape, dtype=np.uint8)


def relays(size: int, count: int, sources: np.ndarray) -> Program:
    """Populations that pass the input on unchanged, and a read-out of a few of the last."""
    names = [INPUT, *(f"p{i}" for i in range(count))]
    zeros = np.zeros(size, dtype=np.int32)
    populations = [Population(n, size, Threshold(zeros), zeros, np.ones(size)) for n in names[1:]]
    projections = [Projection(names[i], names[i + 1], Identity(size)) for i in range(count)]
    weight = np.zeros((1, size), dtype=np.int8)
    weight[0, sources] = 1
    projections.append(Projection(names[-1], "out", Dense(weight)))
    populations.append(Population("out", 1, Integrator(), zeros[:1], np.ones(1)))
    return Program(Input(size, 1), tuple(populations), tuple(projections), "2", 2, 1, {})
