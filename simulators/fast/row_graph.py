"""Memoryless feed-forward programs as one onnxruntime graph over rows (timestep, sample).

Without memory, rows do not depend on each other. A run is then a chain of integer matrix products,
convolutions in float32 whose sums it holds, and comparisons, for all rows at once.
"""

from typing import Any

import numpy as np

from ultralif_deploy.program.exact_ranges import FLOAT32_EXACT, PAIR_EXACT_INPUT
from ultralif_deploy.program.fixed import INT32_MAX
from ultralif_deploy.program.graph import INPUT, AnyMap, Conv2d, Dense, Projection
from ultralif_deploy.program.program import Population, Program
from ultralif_deploy.simulators.fast.products import (
    convolution_nodes,
    convolves_exactly,
    session,
)


def expressible(program: Program) -> bool:
    """Whether a program is a chain of threshold units whose maps are exact in onnxruntime."""
    return is_chain(program) and all(
        _exact(p.map, program.largest_sent(p.source)) for p in program.projections
    )


def is_chain(program: Program) -> bool:
    """Whether a program is a chain of threshold units with one weighted projection each.

    Every population is driven by one before it, so that sources in this order have one target each:
    the next population.
    """
    sources = [p.source for p in program.projections]
    return (
        not program.delayed
        and all(_one_threshold(p) for p in program.populations[:-1])
        and program.readout.neuron.SUMS
        and sources == [INPUT, *(p.name for p in program.populations[:-1])]
    )


def _exact(linear: AnyMap, largest: int) -> bool:
    if isinstance(linear, Conv2d):
        return convolves_exactly(linear, largest)
    return isinstance(linear, Dense) and largest <= PAIR_EXACT_INPUT


def _one_threshold(population: Population) -> bool:
    """Whether a population fires iff I + bias > threshold, without memory."""
    return not population.neuron.REMEMBERS and "threshold" in population.parameters()


class RowGraph:
    """A program as an onnxruntime session with one thread.

    Args:
        program: one that is `expressible`.

    Raises:
        ImportError: onnxruntime or onnx is not installed.
    """

    def __init__(self, program: Program) -> None:
        from onnx import TensorProto

        self.readout_bias = program.readout.bias.astype(np.int64)
        self.spiking = [p.name for p in program.populations[:-1]]
        self.limits = {
            p.name: limits(p.bias, p.parameters()["threshold"]) for p in program.populations[:-1]
        }
        drawing = _Drawing()
        signal = "rows"
        for projection, population in zip(program.projections, program.populations, strict=True):
            current = drawing.current(projection, signal)
            if population.spikes:
                signal = drawing.fired(projection, current, self.limits[population.name])
        drawing.logits(program.projections[-1], current)
        self.weights = drawing.weights
        outputs = {"logits": (TensorProto.INT32, 2)}
        outputs |= {f"spikes {name}": (TensorProto.UINT8, 3) for name in self.spiking}
        rows = [None, None, program.input.size]
        self.session = session(drawing.nodes, "rows", rows, outputs, drawing.constants)

    def executed(self) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Weights int8 by projection and limits int32 by population, as given to the session."""
        return self.weights, self.limits

    def run(self, inputs: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Logits int64 [batch, class] and spikes uint8 [time, batch, neuron] by population.

        Args:
            inputs: uint8 [time, batch, input], contiguous, that the program accepts.
        """
        logits, *spikes = self.session.run(None, {"rows": inputs})
        logits = logits + len(inputs) * self.readout_bias
        return logits, dict(zip(self.spiking, spikes, strict=True))


class _Drawing:
    """The nodes and constants of a graph whose input `rows` is uint8 [time, batch, source].

    Currents are int32 [time, batch, target] behind a matrix, and float32 [row, channel, height,
    width] behind a convolution. Spikes are uint8 [time, batch, neuron].
    """

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: dict[str, np.ndarray] = {
            name: np.array([axis]) for name, axis in (("first", 0), ("third", 2), ("time", 0))
        }
        self.weights: dict[str, np.ndarray] = {}
        self._add("Shape", ["rows"], "shape")
        self._add("Slice", ["shape", "first", "third"], "time and batch")

    def current(self, projection: Projection, signal: str) -> str:
        """Draw a map; returns the name of the current."""
        linear, weight = projection.map, f"weight {projection.target}"
        current = f"current {projection.target}"
        if isinstance(linear, Conv2d):
            values = f"values {projection.target}"
            self._cast(signal, values, "FLOAT")
            nodes, constants = convolution_nodes(linear, values, weight, current)
            self.nodes += nodes
            self.constants |= constants
            self.weights[projection.name] = constants[weight].astype(np.int8)
        else:
            self.constants[weight] = linear.matrix().T
            self.weights[projection.name] = self.constants[weight].T
            self._add("MatMulInteger", [signal, weight], current)
        return current

    def fired(self, projection: Projection, current: str, limit: np.ndarray) -> str:
        """Draw the comparison of a current with limits; returns the name of the spikes.

        Args:
            projection: map that gives the current.
            current: its name.
            limit: largest currents that do not fire, int32 [neuron].
        """
        name = projection.target
        fired, spikes, held = f"fired {name}", f"spikes {name}", f"limit {name}"
        self.constants[held] = limit
        if isinstance(projection.map, Conv2d):
            # No sum reaches the ends, so that a limit beyond them compares as one on them.
            within = np.clip(limit, -FLOAT32_EXACT, FLOAT32_EXACT).astype(np.float32)
            self.constants[held] = within.reshape(projection.map.output_shape)
        self._add("Greater", [current, held], fired)
        if isinstance(projection.map, Conv2d):
            self._cast(fired, f"images {name}", "UINT8")
            self._flat(f"images {name}", spikes, limit.size)
        else:
            self._cast(fired, spikes, "UINT8")
        return spikes

    def logits(self, projection: Projection, current: str) -> None:
        """Draw the sum over time of the read-out's current."""
        if isinstance(projection.map, Conv2d):
            self._cast(current, "whole", "INT32")
            self._flat("whole", "by time", projection.map.target_size)
            current = "by time"
        self._add("ReduceSum", [current, "time"], "logits", keepdims=0)

    def _flat(self, images: str, found: str, size: int) -> None:
        """Images [row, channel, height, width] as [time, batch, neuron]."""
        self.constants[f"size {found}"] = np.array([size])
        self._add("Concat", ["time and batch", f"size {found}"], f"shape {found}", axis=0)
        self._add("Reshape", [images, f"shape {found}"], found)

    def _cast(self, source: str, target: str, kind: str) -> None:
        from onnx import TensorProto

        self._add("Cast", [source], target, to=getattr(TensorProto, kind))

    def _add(self, operator: str, sources: list[str], target: str, **attributes: Any) -> None:
        from onnx import helper

        self.nodes.append(helper.make_node(operator, sources, [target], **attributes))


def limits(bias: np.ndarray, threshold: np.ndarray) -> np.ndarray:
    """Largest currents int32 [neuron] that do not fire: current + bias ≤ threshold."""
    limit = threshold.astype(np.int64) - bias
    return np.clip(limit, -INT32_MAX - 1, INT32_MAX).astype(np.int32)
