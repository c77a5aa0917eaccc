"""Memoryless feed-forward programs as one onnxruntime graph over rows (timestep, sample).

Without memory, rows do not depend on each other. A run is then a chain of integer matrix products
and comparisons, which the 8-bit matrix units of the processor do for all rows at once.
"""

import numpy as np

from ultralif_deploy.program.exact_ranges import PAIR_EXACT_INPUT
from ultralif_deploy.program.fixed import INT32_MAX
from ultralif_deploy.program.graph import INPUT, Dense
from ultralif_deploy.program.program import Population, Program
from ultralif_deploy.simulators.fast.products import session


def expressible(program: Program) -> bool:
    """Whether a program is a chain of threshold units with one weighted projection each."""
    sources = [p.source for p in program.projections]
    return (
        program.input.maximum <= PAIR_EXACT_INPUT
        and not program.delayed
        and all(isinstance(p.map, Dense) for p in program.projections)
        and all(_one_threshold(p) for p in program.populations[:-1])
        and program.readout.neuron.SUMS
        and sources == [INPUT, *(p.name for p in program.populations[:-1])]
        and [p.target for p in program.projections] == [p.name for p in program.populations]
    )


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
        from onnx import TensorProto, helper

        self.readout_bias = program.readout.bias.astype(np.int64)
        self.spiking = [p.name for p in program.populations[:-1]]
        self.limits = {
            p.name: limits(p.bias, p.parameters()["threshold"]) for p in program.populations[:-1]
        }
        constants = {f"weight {p.target}": p.map.matrix().T for p in program.projections}
        self.weights = {p.name: constants[f"weight {p.target}"].T for p in program.projections}
        constants["time"] = np.array([0])
        nodes, signal = [], "rows"
        for population in program.populations:
            name = population.name
            weight, current = f"weight {name}", f"current {name}"
            nodes.append(helper.make_node("MatMulInteger", [signal, weight], [current]))
            if population.spikes:
                constants[f"limit {name}"] = self.limits[name]
                fired, signal = f"fired {name}", f"spikes {name}"
                nodes.append(helper.make_node("Greater", [current, f"limit {name}"], [fired]))
                nodes.append(helper.make_node("Cast", [fired], [signal], to=TensorProto.UINT8))
        total = helper.make_node("ReduceSum", [current, "time"], ["logits"], keepdims=0)
        outputs = {"logits": (TensorProto.INT32, 2)}
        outputs |= {f"spikes {name}": (TensorProto.UINT8, 3) for name in self.spiking}
        rows = [None, None, program.input.size]
        self.session = session([*nodes, total], "rows", rows, outputs, constants)

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


def limits(bias: np.ndarray, threshold: np.ndarray) -> np.ndarray:
    """Largest currents int32 [neuron] that do not fire: current + bias ≤ threshold."""
    limit = threshold.astype(np.int64) - bias
    return np.clip(limit, -INT32_MAX - 1, INT32_MAX).astype(np.int32)
