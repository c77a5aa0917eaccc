"""The Inputs and Outputs of a graph: the parts of one input, and the Output that is read.

A program has one input and one read-out. Several Inputs are parts of its input, one after the
other in the order of their names, which is the order in which NIR files keep them. Of several
Outputs one is read. The others may record the spikes of populations, which every trace holds under
the populations' own names.
"""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass

import nir
import numpy as np

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.program.graph import Conv2d, Dense, Identity, LinearMap
from ultralif_deploy.readers.nir.graph import Nodes, Sources, inner_port
from ultralif_deploy.readers.nir.linear import Shape, check_matrix, values
from ultralif_deploy.readers.nir.neurons import POPULATIONS


@dataclass(frozen=True, slots=True)
class Outputs:
    """What the Outputs of a graph are.

    Attributes:
        read: name of the Output that is read.
        recorded: population whose spikes an Output is, by its name.
        left_out: Outputs that are something else, and are not read.
        unread: populations that do not fire and that no Output reads but those left out.
    """

    read: str
    recorded: Mapping[str, str]
    left_out: tuple[str, ...]
    unread: frozenset[str]


def ports(nodes: Nodes, kind: type[nir.NIRNode]) -> list[str]:
    """The graph's own Inputs or Outputs, in the order of their names."""
    return sorted(n for n, one in nodes.items() if isinstance(one, kind) and not inner_port(n, one))


def input_shapes(nodes: Nodes) -> dict[str, Shape]:
    """The shape of every Input, in the order in which their values follow each other.

    Raises:
        UltralifError: naming an Input whose shape is none.
    """
    return {n: values(nodes[n].input_type["input"], n) for n in ports(nodes, nir.Input)}


def input_size(nodes: Nodes) -> int:
    """Number of values of all Inputs."""
    return sum(math.prod(shape) for shape in input_shapes(nodes).values())


def part_of_input(name: str, shapes: Mapping[str, Shape]) -> LinearMap:
    """The map from all inputs to the values of one Input.

    Images of one height and width are channels of one image, so that convolutions stay such.

    Args:
        name: name of the Input.
        shapes: shapes of all Inputs, in their order.

    Raises:
        UltralifError: it would take too large a matrix.
    """
    if len(shapes) == 1:
        return Identity(math.prod(shapes[name]))
    before = list(itertools.takewhile(lambda other: other != name, shapes))
    sides = {shape[1:] for shape in shapes.values()}
    if len(sides) == 1 and len(side := sides.pop()) == 2:
        channels = sum(shape[0] for shape in shapes.values())
        first = sum(shapes[other][0] for other in before)
        chosen = np.eye(shapes[name][0], channels, first)
        return Conv2d(chosen[:, :, None, None], (channels, side[0], side[1]))
    size = sum(math.prod(shape) for shape in shapes.values())
    check_matrix(name, math.prod(shapes[name]), size)
    first = sum(math.prod(shapes[other]) for other in before)
    return Dense(np.eye(math.prod(shapes[name]), size, first))


def outputs_of(nodes: Nodes, sources: Sources, chosen: str | None) -> Outputs:
    """Which Output is read, and what the others are.

    Args:
        nodes: all nodes, with those of subgraphs.
        sources: names before each node.
        chosen: name of the Output that is read; None takes the only one that is not the spikes of
            a population that drives others.

    Raises:
        UltralifError: no such Output, or several that could be read.
    """
    ends = ports(nodes, nir.Output)
    if chosen is not None and chosen not in ends:
        raise UltralifError(f"no Output {chosen!r}; expected one of {', '.join(ends)}")
    recorded = {end: _population(end, nodes, sources) for end in ends}
    spikes = {end: n for end, n in recorded.items() if n and not isinstance(nodes[n], SILENT)}
    driving = {s for name, before in sources.items() for s in before if name not in ends}
    last = [end for end in ends if spikes.get(end) not in driving]
    if chosen is None and len(ends) > 1 and len(last) != 1:
        raise UltralifError(
            f"{len(ends)} Output nodes, {', '.join(ends)}; a program has one read-out: name it by "
            "--output-node, and every spike of the others is recorded with its population"
        )
    read = chosen or (ends if len(ends) == 1 else last)[0]
    left_out = tuple(end for end in ends if end not in spikes and end != read)
    silent = {n for end in left_out if (n := recorded[end])}
    heard = {s for name, before in sources.items() for s in before if name not in left_out}
    spikes.pop(read, None)
    return Outputs(read, spikes, left_out, frozenset(silent - heard))


SILENT = (nir.I, nir.LI, nir.CubaLI)
"""Nodes that do not fire."""


def _population(end: str, nodes: Nodes, sources: Sources) -> str | None:
    """The population that an Output is, as it is; None where it is something else."""
    before = list(sources[end])
    while len(before) == 1 and inner_port(before[0], nodes[before[0]]):
        before = list(sources[before[0]])
    found = before[0] if len(before) == 1 else None
    return found if found and isinstance(nodes[found], POPULATIONS) else None
