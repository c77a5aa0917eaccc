"""Programs whose events the tests count beside other tools: weights of 0 are among the others."""

from collections.abc import Callable

import numpy as np

from ultralif_deploy.program.graph import Dense, Projection
from ultralif_deploy.program.neurons import Integrator, NeuronModel
from ultralif_deploy.program.program import Input, Population, Program

Links = list[tuple[str, str]]


def with_zeros(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Weights of 4 bits, int8; more than a quarter of them are 0."""
    return (rng.integers(-6, 8, shape) * (rng.random(shape) < 0.75)).astype(np.int8)


def matrices(rng: np.random.Generator, sizes: dict[str, int], links: Links) -> list[Projection]:
    """A matrix for every (source, target)."""
    return [Projection(a, b, Dense(with_zeros(rng, sizes[b], sizes[a]))) for a, b in links]


def assembled(
    projections: list[Projection],
    neuron: Callable[[str, int], NeuronModel],
    maximum: int = 1,
    bias: Callable[[int], np.ndarray] = np.zeros,
    timesteps: int = 8,
) -> Program:
    """Populations in the order in which they are first driven, the last of them the read-out `out`.

    Args:
        projections: the first is one of the input's.
        neuron: model of a population by name and size.
        maximum: largest input.
        bias: of a population by size; the read-out has none.
        timesteps: T.
    """
    sizes = {p.target: p.map.target_size for p in projections}

    def population(name: str, size: int) -> Population:
        if name == "out":
            return Population(name, size, Integrator(), np.zeros(size), np.ones(size))
        return Population(name, size, neuron(name, size), bias(size), np.ones(size))

    inputs = Input(projections[0].map.source_size, maximum)
    populations = tuple(population(name, size) for name, size in sizes.items())
    return Program(inputs, populations, tuple(projections), "4", timesteps, 1)
