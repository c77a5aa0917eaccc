"""What the edges of a NIR graph bring to each node, worked out once."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace

import nir
import numpy as np

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.program.graph import Dense
from ultralif_deploy.readers.nir.graph import Nodes, Sources, inner_port
from ultralif_deploy.readers.nir.linear import (
    Shape,
    Signal,
    added,
    source_signal,
    transformed,
    values,
)
from ultralif_deploy.readers.nir.neurons import POPULATIONS
from ultralif_deploy.readers.nir.ports import input_shapes, part_of_input
from ultralif_deploy.readers.nir.walking import cycles, worked_out

ALL_INPUTS = ""
"""Source of what comes from Inputs; no node has this name."""


class Signals:
    """Shapes and signals in a graph without subgraphs, each worked out once.

    Args:
        nodes: all nodes, with those of subgraphs.
        sources: names before each node.
        dt: seconds of one timestep.

    Attributes:
        nodes, sources, dt: the same.
        inputs: shape of every Input, in their order.
    """

    def __init__(self, nodes: Nodes, sources: Sources, dt: float) -> None:
        self.nodes = nodes
        self.sources = sources
        self.dt = dt
        self._shapes: dict[str, Shape] = {}
        self._sent: dict[str, Signal] = {}
        self.inputs = input_shapes(nodes)
        self._cycles = cycles(sources)

    def populations(self) -> Iterator[str]:
        """Names of the nodes that become populations."""
        return (n for n, node in self.nodes.items() if isinstance(node, POPULATIONS))

    def shape(self, name: str) -> Shape:
        """Shape of what the input or a population sends.

        A population's parameters may be fewer than its neurons; then what drives it decides.
        """
        if name not in self._shapes:
            if name in self.inputs:
                self._shapes[name] = self.inputs[name]
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
        inputs = sum(math.prod(one) for one in self.inputs.values())
        weights = Dense(np.zeros((size, inputs)))
        return Signal(shape, {(ALL_INPUTS, 0): weights}, np.zeros(size))

    def sent(self, name: str) -> Signal:
        """What a node sends."""
        return worked_out(name, self._sent, self._needed, self._made)

    def _needed(self, name: str) -> Iterable[str]:
        """Nodes whose signals that of a node is made of, or its shape."""
        if name in self.inputs:
            return ()
        population = isinstance(self.nodes[name], POPULATIONS)
        return self._drivers(name) if population else self.sources[name]

    def _made(self, name: str) -> Signal:
        node = self.nodes[name]
        if name in self.inputs:
            part = part_of_input(name, self.inputs)
            return Signal(self.shape(name), {(ALL_INPUTS, 0): part}, np.zeros(part.target_size))
        if isinstance(node, POPULATIONS):
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


def _parameter(node: nir.NIRNode) -> np.ndarray:
    """The parameter with the most values."""
    names = ("tau", "tau_mem", "tau_syn", "r", "v_leak", "v_threshold", "v_reset", "w_in")
    found = [np.asarray(getattr(node, n)) for n in names if hasattr(node, n)]
    return max(found, key=lambda array: array.size)
