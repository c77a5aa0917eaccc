"""A program with graded spikes as one of plain threshold units, which stock neurons can run.

A unit with the thresholds θ_1, …, θ_L sends s = Σ_k [I > θ_k]. L threshold units with the same
weights and bias, one for each θ_k, send one bit each, and their sum is s. What follows has the
same weights for each of them, so it receives the same current: Σ_k w·[I > θ_k] = w·s. All logits
stay the same. This is the unary code (thermometer code) of the count s.
"""

from dataclasses import replace

import numpy as np

from ultralif_deploy.errors import Refused
from ultralif_deploy.io.memory import check_memory
from ultralif_deploy.program.convolution import Conv2d
from ultralif_deploy.program.graph import INPUT, AnyMap, Dense, Identity, Projection, shape_of
from ultralif_deploy.program.program import Population, Program


def to_unary(program: Program) -> Program:
    """The program with every MultiThreshold population as one of Threshold units.

    Unit k·N + n of such a population has threshold k of its neuron n, for N neurons. Its spikes,
    added up over k, are the graded spikes. Populations without graded spikes are kept.

    Args:
        program: the program; the range of its inputs is kept.

    Returns:
        A program with the same logits for all inputs, and more neurons.

    Raises:
        Refused: graded spikes of neurons with a membrane. All levels take their share from one
            membrane there, so their count is no sum of independent units.
    """
    made = {p.name: _units(p) for p in program.populations}
    units = {INPUT: 1} | {p.name: made[p.name].size // p.size for p in program.populations}
    projections = tuple(
        replace(p, map=_between(program, p, units[p.source], units[p.target]))
        for p in program.projections
    )
    return replace(program, populations=tuple(made.values()), projections=projections)


def _units(population: Population) -> Population:
    levels, model = population.largest_sent, population.neuron.one_bit()
    if model is None:
        raise Refused(
            f"{population.name}: up to {levels} spikes of a {type(population.neuron).__name__} in "
            "one timestep come from one membrane, so no sum of threshold units gives them; "
            "expected MultiThreshold, or spikes of 1 bit"
        )
    if model is population.neuron:
        return population
    return Population(
        population.name,
        population.size * levels,
        model,
        np.tile(population.bias, levels),
        np.tile(population.scale, levels),
    )


def _between(program: Program, projection: Projection, sent: int, received: int) -> AnyMap:
    """The map from `sent` units for each source neuron to `received` for each target neuron."""
    linear = projection.map
    if sent == received == 1:
        return linear
    if isinstance(linear, Identity):
        linear = _weighted(program, projection, linear)
    if isinstance(linear, Conv2d):
        channels, height, width = linear.input_shape
        return replace(
            linear,
            weight=np.tile(_all_channels(linear), (received, sent, 1, 1)),
            input_shape=(sent * channels, height, width),
            groups=1,
        )
    return Dense(np.tile(linear.matrix(), (received, sent)))


def _weighted(program: Program, projection: Projection, linear: Identity) -> Dense | Conv2d:
    """An identity with weights: a kernel of one pixel between images, else a matrix."""
    shape = shape_of(projection.source, linear.size, program.projections)
    if len(shape) == 3:
        channels, height, width = shape
        kernel = np.eye(channels, dtype=np.int8)[:, :, None, None]
        return Conv2d(kernel, (channels, height, width))
    check_memory(f"{projection.name}: an identity as weights", linear.size**2)
    return Dense(linear.matrix())


def _all_channels(conv: Conv2d) -> np.ndarray:
    """The kernel over all input channels, with weights of 0 outside a channel's own group."""
    out, inner, height, width = conv.weight.shape
    if conv.groups == 1:
        return conv.weight
    kernel = np.zeros((out, conv.groups, inner, height, width), dtype=conv.weight.dtype)
    rows = np.arange(out)
    kernel[rows, rows // (out // conv.groups)] = conv.weight
    return kernel.reshape(out, conv.groups * inner, height, width)
