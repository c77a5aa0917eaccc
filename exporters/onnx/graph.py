"""ONNX graphs built with Python operators, so that the code of an update looks like its equation.

All values are whole numbers: int64 for states, int32 for currents, uint8 for spikes, and bool for
comparisons.
"""

from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

Number = int | np.ndarray
"""A constant; arrays are int64."""


class Graph:
    """Nodes, constants, inputs and outputs under construction.

    Args:
        name: name of the graph; also used in the names of unnamed values.
        prefix: prefix of inputs and outputs. A graph inside another one needs different names.
    """

    def __init__(self, name: str, prefix: str = "") -> None:
        self.name = name
        self.prefix = prefix
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, np.ndarray] = {}
        self.inputs: list[ValueInfoProto] = []
        self.outputs: list[ValueInfoProto] = []

    def input(self, name: str, kind: int, shape: list[str | int]) -> "Value":
        """A new input of the graph.

        Args:
            name: without the prefix.
            kind: element type, of `TensorProto`.
            shape: length of each axis; one that is left open has a name.
        """
        name = self.prefix + name
        self.inputs.append(helper.make_tensor_value_info(name, kind, shape))
        return Value(self, name)

    def output(self, value: "Value", name: str, kind: int, shape: list[str | int]) -> None:
        """Make a value an output of the graph, with its own name.

        Args:
            value: the output.
            name: without the prefix.
            kind: element type of the value, of `TensorProto`.
            shape: length of each axis; one that is left open has a name.
        """
        name = self.prefix + name
        self.nodes.append(helper.make_node("Identity", [value.name], [name]))
        self.outputs.append(helper.make_tensor_value_info(name, kind, shape))

    def constant(self, array: np.ndarray, name: str | None = None) -> "Value":
        """A constant of the graph (an initializer); equal unnamed constants are stored once."""
        array = np.asarray(array)
        if name is None:
            values = "_".join(map(str, array.ravel().tolist()))
            name = f"{self.name}/{array.dtype}/{array.shape}/{values}"
        self.constants[name] = array
        return Value(self, name)

    def number(self, value: int) -> "Value":
        """A whole number as int64."""
        return self.constant(np.array(value, dtype=np.int64))

    def op(self, kind: str, *operands: "Value", **attributes: Any) -> "Value":
        """The only output of a new node."""
        return self.ops(kind, 1, *operands, **attributes)[0]

    def ops(self, kind: str, count: int, *operands: "Value", **attributes: Any) -> list["Value"]:
        """All outputs of a new node."""
        names = [f"{self.name}/{len(self.nodes)}/{i}" for i in range(count)]
        inputs = [o.name for o in operands]
        self.nodes.append(helper.make_node(kind, inputs, names, **attributes))
        return [Value(self, name) for name in names]

    def proto(self) -> Any:
        """The finished graph."""
        constants = [numpy_helper.from_array(a, name) for name, a in self.constants.items()]
        return helper.make_graph(self.nodes, self.name, self.inputs, self.outputs, constants)


class Value:
    """A tensor in a graph. Operators take values or whole numbers; `>` gives a bool tensor."""

    def __init__(self, graph: Graph, name: str) -> None:
        self.graph = graph
        self.name = name

    def _other(self, other: "Value | int") -> "Value":
        return self.graph.number(other) if isinstance(other, int) else other

    def _op(self, kind: str, other: "Value | int") -> "Value":
        return self.graph.op(kind, self, self._other(other))

    def __add__(self, other: "Value | int") -> "Value":
        return self._op("Add", other)

    def __sub__(self, other: "Value | int") -> "Value":
        return self._op("Sub", other)

    def __mul__(self, other: "Value | int") -> "Value":
        return self._op("Mul", other)

    def __gt__(self, other: "Value | int") -> "Value":
        return self._op("Greater", other)

    def __neg__(self) -> "Value":
        return self.graph.op("Neg", self)

    def __abs__(self) -> "Value":
        return self.graph.op("Abs", self)

    def most(self, other: "Value | int") -> "Value":
        """The larger of the two.

        Max is not used: in onnxruntime 1.31 it compares only the low 32 bits of int64 on AVX2.
        """
        return (self > other).then(self, other)

    def least(self, other: "Value | int") -> "Value":
        """The smaller of the two."""
        return (self > other).then(other, self)

    def clip(self, top: "Value | int") -> "Value":
        """The value, saturated to ±top."""
        limit = self._other(top)
        return self.least(limit).most(-limit)

    def whole_part(self, divisor: "Value | int") -> "Value":
        """⌊self/divisor⌋ of a value that is not negative.

        ONNX does not define how the quotient of a negative number is rounded.
        """
        return self._op("Div", other=divisor)

    def floor(self, divisor: "Value | int") -> "Value":
        """⌊self/divisor⌋ for both signs, by ⌊x/d⌋ = −1 − ⌊(−1 − x)/d⌋."""
        complement = self.graph.number(-1) - self
        negative = self.graph.number(-1) - complement.most(0).whole_part(divisor)
        return (complement > -1).then(negative, self.most(0).whole_part(divisor))

    def then(self, yes: "Value | int", no: "Value | int") -> "Value":
        """Element by element: `yes` if this bool is true, else `no`."""
        return self.graph.op("Where", self, self._other(yes), self._other(no))

    def at(self, places: "Value") -> "Value":
        """Entries of this list at the indices `places`."""
        return self.graph.op("Gather", self, places)

    def led_by(self, value: int) -> "Value":
        """The list int64 with a value put before it."""
        return self.graph.op("Concat", self.graph.constant(np.array([value])), self, axis=0)

    def rows(self, count: int) -> list["Value"]:
        """The list split into equal parts, one per row."""
        return self.graph.ops("Split", count, self, axis=0, num_outputs=count)

    def cast(self, kind: int) -> "Value":
        """The value with another element type."""
        return self.graph.op("Cast", self, to=kind)

    def long(self) -> "Value":
        """The value as int64."""
        return self.cast(TensorProto.INT64)

    def rolled(self, by: int, size: int) -> "Value":
        """At neuron n, the value of neuron n + by on the ring of all neurons."""
        order = self.graph.constant((np.arange(size, dtype=np.int64) + by) % size)
        return self.graph.op("Gather", self, order, axis=1)
