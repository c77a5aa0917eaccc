"""The Delay nodes of a NIR graph, added up from population to population."""

from collections.abc import Iterable, Mapping

import nir
import numpy as np

from ultralif_deploy.program.delays import Delay
from ultralif_deploy.program.graph import INPUT
from ultralif_deploy.readers.nir.graph import Nodes, Sources, inlined, inner_port
from ultralif_deploy.readers.nir.network import population_names
from ultralif_deploy.readers.nir.neurons import POPULATIONS, Conventions
from ultralif_deploy.readers.nir.ports import outputs_of
from ultralif_deploy.readers.nir.walking import worked_out

Meant = dict[tuple[str, int], tuple[float, float]]
"""By source and whole number of timesteps: the least and the largest delay that is meant."""


def meant_delays(graph: nir.NIRGraph, how: Conventions, readout: str) -> tuple[Delay, ...]:
    """What a graph that `import_nir` takes over means by its Delay nodes, in timesteps.

    Args:
        graph: graph as read from the file.
        how: conventions by which the graph is taken over.
        readout: name of the population that is read.
    """
    nodes, sources = inlined(graph)
    if not any(isinstance(node, nir.Delay) for node in nodes.values()):
        return ()
    names = population_names(nodes)
    sent = _sent_by(nodes, sources, how.dt, names)
    read = outputs_of(nodes, sources, how.output_node).read
    found = []
    for target, node in nodes.items():
        ends = target == read
        if isinstance(node, POPULATIONS) or ends:
            for (source, whole), bounds in _arriving(target, sources, sent).items():
                meant = max(bounds, key=lambda one: abs(one - whole))
                if meant != 0:
                    found.append(Delay(source, readout if ends else names[target], meant))
    return tuple(found)


def _arriving(name: str, sources: Sources, sent: Mapping[str, Meant]) -> Meant:
    """Delays of what all edges into a node bring, from the populations before it."""
    total: Meant = {}
    for before in sources[name]:
        for key, (least, most) in sent[before].items():
            low, high = total.get(key, (least, most))
            total[key] = min(low, least), max(high, most)
    return total


def _sent_by(
    nodes: Nodes, sources: Sources, dt: float, names: Mapping[str, str]
) -> dict[str, Meant]:
    """Delays of what every node sends, from the populations before it.

    Args:
        nodes: nodes by name.
        sources: names before each node.
        dt: seconds of a timestep.
        names: names of the populations, by node.
    """
    sent: dict[str, Meant] = {}

    def starts(name: str) -> str | None:
        """The population, or the input, that a node is."""
        node = nodes[name]
        if isinstance(node, POPULATIONS):
            return names[name]
        return INPUT if isinstance(node, nir.Input) and not inner_port(name, node) else None

    def needs(name: str) -> Iterable[str]:
        return () if starts(name) else sources[name]

    def make(name: str) -> Meant:
        start, node = starts(name), nodes[name]
        if start:
            return {(start, 0): (0.0, 0.0)}
        arriving = _arriving(name, sources, sent)
        return _later(arriving, node, dt) if isinstance(node, nir.Delay) else arriving

    for name in nodes:
        worked_out(name, sent, needs, make)
    return sent


def _later(arriving: Meant, node: nir.Delay, dt: float) -> Meant:
    """What arrives at a Delay, later by each whole number of timesteps in it."""
    given = np.asarray(node.delay, dtype=np.float64).reshape(-1) / dt
    steps = np.rint(given)
    found: Meant = {}
    for late in np.unique(steps):
        own = given[steps == late]
        for (source, whole), (least, most) in arriving.items():
            low, high = least + float(own.min()), most + float(own.max())
            key = source, whole + int(late)
            before = found.get(key, (low, high))
            found[key] = min(before[0], low), max(before[1], high)
    return found
