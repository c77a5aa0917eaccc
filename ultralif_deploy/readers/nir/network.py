"""NIR graphs of other tools -> Network.

Neurons become populations, the linear nodes between them projections, subgraphs are inlined. An
edge back acts one timestep later. Several Inputs are parts of one input, and of several Outputs
one is read (`ports.py`). Spiking outputs are read by their spike counts, weighted outputs by their
sum over time, LI, CubaLI and I by their membrane after the last timestep.
"""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path

import nir

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.network.network import Input, Network
from ultralif_deploy.network.neurons import Integrator
from ultralif_deploy.program.graph import INPUT, Identity
from ultralif_deploy.program.names import HeldNames
from ultralif_deploy.readers.assembly import Arriving, assembled
from ultralif_deploy.readers.nir.graph import Nodes, Sources, inlined, inner_port, read_graph
from ultralif_deploy.readers.nir.linear import scaled
from ultralif_deploy.readers.nir.neurons import POPULATIONS, Conventions, model_of, read_by_membrane
from ultralif_deploy.readers.nir.ports import input_size, outputs_of
from ultralif_deploy.readers.nir.signals import ALL_INPUTS, Signals


def import_nir(
    source: str | Path | nir.NIRGraph,
    conventions: Conventions | None = None,
    *,
    timesteps: int = 100,
    read: Input | None = None,
) -> Network:
    """The hard network of a NIR graph.

    Args:
        source: a file, which may be untrusted, or a graph.
        conventions: conventions that NIR leaves open.
        timesteps: T of one inference.
        read: reading of integer inputs, of any size; by default they are spikes.

    Raises:
        UltralifError: naming the file and the node that cannot be taken over.
    """
    graph = source if isinstance(source, nir.NIRGraph) else read_graph(source)
    try:
        return _network(graph, conventions or Conventions(), timesteps, read or Input(1))
    except UltralifError as error:
        if isinstance(source, nir.NIRGraph):
            raise
        raise UltralifError(f"{source}: {error}") from error


def _network(graph: nir.NIRGraph, how: Conventions, timesteps: int, read: Input) -> Network:
    nodes, sources = inlined(graph)
    ends = outputs_of(nodes, sources, how.output_node)
    if how.read_out == "membrane":
        nodes = _read_by_membrane(nodes, sources, ends.read)
    signals = Signals(nodes, sources, how.dt)
    for start in signals.inputs:
        if not any(start in before for before in sources.values()):
            raise UltralifError(f"{start}: leads to no node; expected an edge from it")
    arriving: dict[str, Arriving] = {}
    for name in signals.populations():
        if name in ends.unread:
            continue
        shape = signals.shape(name)
        model = model_of(name, signals.nodes[name], shape, how)
        signal = signals.arriving(name)
        if math.prod(signal.shape) != math.prod(shape):
            raise UltralifError(
                f"{name}: {math.prod(shape)} neurons get values of shape {signal.shape}; expected "
                "one value each"
            )
        signal = scaled(name, signal, model.gain)
        arriving[name] = Arriving(model.neuron, signal.terms, signal.bias + model.bias)
    out = signals.arriving(ends.read)
    direct = [
        source
        for (source, delay), one in out.terms.items()
        if delay == 0 and isinstance(one, Identity)
    ]
    read_out = direct[0] if len(out.terms) == 1 and len(direct) == 1 else None
    if read_out not in arriving or arriving[read_out].neuron.FIRES:
        read_out = "readout"
        while read_out in arriving:
            read_out += "_"
        arriving[read_out] = Arriving(Integrator(), out.terms, out.bias)
    names = {ALL_INPUTS: INPUT} | population_names(nodes, arriving)
    return assembled(
        {names[name]: one.renamed(names, _given(name, names)) for name, one in arriving.items()},
        names[read_out],
        input_size(nodes),
        timesteps,
        read,
    )


def _read_by_membrane(nodes: Nodes, sources: Sources, end: str) -> Nodes:
    """The nodes with those at an Output in their form without spikes."""
    before = list(sources[end])
    while before and inner_port(before[0], nodes[before[0]]):
        before = list(sources[before[0]])
    if len(before) != 1 or not isinstance(nodes[before[0]], POPULATIONS):
        raise UltralifError(
            f"{end}: read by the membrane of {', '.join(before) or 'nothing'}; expected one neuron "
            "node at the output, or --read-out spikes"
        )
    name = before[0]
    return nodes | {name: read_by_membrane(name, nodes[name])}


def population_names(nodes: Nodes, others: Iterable[str] = ()) -> dict[str, str]:
    """Name of the population that each node becomes, by the name of the node.

    Args:
        nodes: nodes of a graph without subgraphs.
        others: populations that are no nodes; names of nodes among them have no effect.
    """
    held = HeldNames((INPUT,))
    populations = [name for name, node in nodes.items() if isinstance(node, POPULATIONS)]
    return {name: held.of(name) for name in dict.fromkeys((*populations, *others))}


def _given(name: str, names: Mapping[str, str]) -> str | None:
    """The name of a node whose population gets another; `/` only stands between levels."""
    return None if names[name] == name.replace("/", ".") else name
