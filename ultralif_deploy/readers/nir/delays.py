"""The Delay nodes of a NIR graph, added up from population to population."""

import nir
import numpy as np

from ultralif_deploy.program.delays import Delay
from ultralif_deploy.program.graph import INPUT
from ultralif_deploy.readers.nir.graph import Nodes, Sources, inlined, inner_port
from ultralif_deploy.readers.nir.network import population_name
from ultralif_deploy.readers.nir.neurons import POPULATIONS

Meant = dict[tuple[str, int], tuple[float, float]]
"""By source and whole number of timesteps: the least and the largest delay that is meant."""


def meant_delays(graph: nir.NIRGraph, dt: float, readout: str) -> tuple[Delay, ...]:
    """What a graph that `import_nir` takes over means by its Delay nodes, in timesteps.

    Args:
        graph: as read.
        dt: seconds of a timestep.
        readout: name of the population that is read.
    """
    nodes, sources = inlined(graph)
    if not any(isinstance(node, nir.Delay) for node in nodes.values()):
        return ()
    sent: dict[str, Meant] = {}
    found = []
    for target, node in nodes.items():
        ends = isinstance(node, nir.Output) and not inner_port(target, node)
        if isinstance(node, POPULATIONS) or ends:
            for (source, whole), bounds in _arriving(target, nodes, sources, dt, sent).items():
                meant = max(bounds, key=lambda one: abs(one - whole))
                if meant != 0:
                    found.append(Delay(source, readout if ends else population_name(target), meant))
    return tuple(found)


def _arriving(
    name: str, nodes: Nodes, sources: Sources, dt: float, sent: dict[str, Meant]
) -> Meant:
    """Delays of what all edges into a node bring, from the populations before it."""
    total: Meant = {}
    for before in sources[name]:
        for key, (least, most) in _sent(before, nodes, sources, dt, sent).items():
            low, high = total.get(key, (least, most))
            total[key] = min(low, least), max(high, most)
    return total


def _sent(name: str, nodes: Nodes, sources: Sources, dt: float, sent: dict[str, Meant]) -> Meant:
    """Delays of what a node sends; each is worked out once."""
    if name not in sent:
        node = nodes[name]
        if isinstance(node, POPULATIONS):
            sent[name] = {(population_name(name), 0): (0.0, 0.0)}
        elif isinstance(node, nir.Input) and not inner_port(name, node):
            sent[name] = {(INPUT, 0): (0.0, 0.0)}
        else:
            arriving = _arriving(name, nodes, sources, dt, sent)
            sent[name] = _later(arriving, node, dt) if isinstance(node, nir.Delay) else arriving
    return sent[name]


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
