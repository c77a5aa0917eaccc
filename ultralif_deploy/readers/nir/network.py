"""NIR graphs of other tools -> Network.

Neurons become populations, the linear nodes between them projections, subgraphs are inlined. An
edge back acts one timestep later. Spiking outputs are read by their spike counts, weighted outputs
by their sum over time, LI, CubaLI and I by their membrane after the last timestep.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import nir
import numpy as np

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.network.network import Input, Network
from ultralif_deploy.network.neurons import Integrator
from ultralif_deploy.program.graph import INPUT, Dense, Identity
from ultralif_deploy.readers.assembly import Arriving, assembled
from ultralif_deploy.readers.nir.graph import Nodes, Sources, inlined, inner_port, read_graph
from ultralif_deploy.readers.nir.linear import (
    Shape,
    Signal,
    added,
    scaled,
    source_signal,
    transformed,
    values,
)
from ultralif_deploy.readers.nir.neurons import POPULATIONS, Conventions, model_of, read_by_membrane
from ultralif_deploy.readers.nir.walking import cycles, worked_out


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
    if how.read_out == "membrane":
        nodes = _read_by_membrane(nodes, sources)
    signals = _Signals(nodes, sources, how.dt)
    (start,) = signals.ends(nir.Input)
    if not any(start in before for before in sources.values()):
        raise UltralifError(f"{start}: leads to no node; expected an edge from it")
    arriving: dict[str, Arriving] = {}
    for name in signals.populations():
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
    (end,) = signals.ends(nir.Output)
    out = signals.arriving(end)
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
    return assembled(
        {
            population_name(name): one.renamed({start: INPUT}, population_name)
            for name, one in arriving.items()
        },
        population_name(read_out),
        math.prod(signals.shape(start)),
        timesteps,
        read,
    )


def _read_by_membrane(nodes: Nodes, sources: Sources) -> Nodes:
    """The nodes with those at the output in their form without spikes."""
    (end,) = (n for n, one in nodes.items() if isinstance(one, nir.Output) and "/" not in n)
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


def population_name(name: str) -> str:
    """A node's name without the marks that population names reserve."""
    plain = name.replace("/", ".").replace("->", "-")
    return f"{plain}_" if plain == INPUT else plain


class _Signals:
    """Shapes and signals in a graph without subgraphs, each worked out once."""

    def __init__(
        self, nodes: Mapping[str, nir.NIRNode], sources: Mapping[str, tuple[str, ...]], dt: float
    ) -> None:
        self.nodes = nodes
        self.sources = sources
        self.dt = dt
        self._shapes: dict[str, Shape] = {}
        self._sent: dict[str, Signal] = {}
        self._cycles = cycles(sources)

    def ends(self, kind: type[nir.NIRNode]) -> list[str]:
        """The graph's own inputs or outputs."""
        return [
            n
            for n, node in self.nodes.items()
            if isinstance(node, kind) and not inner_port(n, node)
        ]

    def populations(self) -> Iterator[str]:
        """Names of the nodes that become populations."""
        return (n for n, node in self.nodes.items() if isinstance(node, POPULATIONS))

    def shape(self, name: str) -> Shape:
        """Shape of what the input or a population sends.

        A population's parameters may be fewer than its neurons; then what drives it decides.
        """
        if name not in self._shapes:
            node = self.nodes[name]
            if isinstance(node, nir.Input):
                self._shapes[name] = values(node.input_type["input"], name)
            else:
                self._shapes[name] = self._population_shape(name)
        return self._shapes[name]

    def _population_shape(self, name: str) -> Shape:
        node = self.nodes[name]
        own = np.shape(node.threshold if isinstance(node, nir.Threshold) else _parameter(node))
        found = [self.sent(before).shape for before in self._drivers(name)]
        driven = found[0] if found else own or (1,)
        return values(driven if math.prod(driven) >= math.prod(own) else own, name)

    def _drivers(self, name: str) -> list[str]:
        """What leads to a population from outside of its cycles, which say nothing of its shape."""
        return [one for one in self.sources[name] if self._cycles[one] != self._cycles[name]]

    def arriving(self, name: str) -> Signal:
        """The sum of what all edges into a node bring.

        Raises:
            UltralifError: no edge, or signals that do not fit together.
        """
        if not self.sources[name] and isinstance(self.nodes[name], POPULATIONS):
            return self._silent(name)
        if not self.sources[name]:
            raise UltralifError(f"{name}: nothing leads to this node; expected an edge to it")
        return added(name, [self.sent(before) for before in self.sources[name]])

    def _silent(self, name: str) -> Signal:
        """No current, as weights of 0 from the input: a program needs a projection to each."""
        shape = self.shape(name)
        size = math.prod(shape)
        start = next(iter(self.ends(nir.Input)))
        weights = Dense(np.zeros((size, math.prod(self.shape(start)))))
        return Signal(shape, {(start, 0): weights}, np.zeros(size))

    def sent(self, name: str) -> Signal:
        """What a node sends."""
        return worked_out(name, self._sent, self._needed, self._made)

    def _needed(self, name: str) -> Iterable[str]:
        """Nodes whose signals that of a node is made of, or its shape."""
        if self._is_input(name):
            return ()
        population = isinstance(self.nodes[name], POPULATIONS)
        return self._drivers(name) if population else self.sources[name]

    def _made(self, name: str) -> Signal:
        node = self.nodes[name]
        if isinstance(node, POPULATIONS) or self._is_input(name):
            return source_signal(name, self.shape(name))
        signal = self.arriving(name)
        if isinstance(node, nir.Flatten) and self._counts_batch(name, signal.shape):
            return replace(signal, shape=(math.prod(signal.shape),))
        return signal if inner_port(name, node) else transformed(name, node, signal, self.dt)

    def _counts_batch(self, name: str, shape: Shape) -> bool:
        """Whether a Flatten counts the batch as its first dimension, as torch does.

        NIR's shapes leave the batch out. The weights behind it tell: they take all values at once.
        """
        after = (self.nodes[n] for n, sources in self.sources.items() if name in sources)
        return getattr(self.nodes[name], "start_dim", 0) == 1 and any(
            isinstance(one, (nir.Affine, nir.Linear))
            and np.ndim(one.weight) == 2
            and np.shape(one.weight)[1] == math.prod(shape)
            for one in after
        )

    def _is_input(self, name: str) -> bool:
        node = self.nodes[name]
        return isinstance(node, nir.Input) and not inner_port(name, node)


def _parameter(node: nir.NIRNode) -> np.ndarray:
    """The parameter with the most values."""
    names = ("tau", "tau_mem", "tau_syn", "r", "v_leak", "v_threshold", "v_reset", "w_in")
    found = [np.asarray(getattr(node, n)) for n in names if hasattr(node, n)]
    return max(found, key=lambda array: array.size)
