"""Memoryless feed-forward programs as one onnxruntime graph over rows (timestep, sample).

Without memory all timesteps are alike, so a run is a chain of integer matrix products and
comparisons over independent rows, and any contiguous piece of the inputs is a batch. Event counts
come out of the same products: each signal's weight matrix has extra columns that count its spikes
and their synapses, in digits to the base 127 so that they fit 8 bits. A threshold that no current
passes keeps the extra columns silent.
"""

from collections.abc import Iterator
from concurrent.futures import Executor

import numpy as np

from ultralif_deploy.fixed import INT32_MAX
from ultralif_deploy.graph import INPUT, Dense
from ultralif_deploy.program import Population, Program, Threshold
from ultralif_deploy.simulators.trace import EventCounts, Trace

BASE = 127
ROWS = 1280
"""Rows handled at once: small enough to stay in cache."""


def expressible(program: Program) -> bool:
    """Whether a program is a chain of threshold units with one weighted projection each.

    Inputs must be spikes, because a graded input would be counted by its value; fan-outs must fit
    two digits.
    """
    sources = [p.source for p in program.projections]
    return (
        program.input.maximum == 1
        and not program.delayed
        and all(isinstance(p.map, Dense) for p in program.projections)
        and all(isinstance(p.neuron, Threshold) for p in program.populations[:-1])
        and sources == [INPUT, *(p.name for p in program.populations[:-1])]
        and [p.target for p in program.projections] == [p.name for p in program.populations]
        and all(p.map.target_size < BASE * BASE for p in program.projections)
    )


class RowGraph:
    """A program as an onnxruntime session.

    Args:
        program: one that is `expressible`.
        pool: runs the pieces; the session itself has one thread, so that pieces never wait for
            each other.

    Raises:
        ImportError: onnxruntime or onnx is not installed.
    """

    def __init__(self, program: Program, pool: Executor) -> None:
        import onnxruntime
        from onnx import TensorProto, helper, numpy_helper

        self.program = program
        self.pool = pool
        constants = {"last": np.array([2]), "time": np.array([0])}
        nodes, signal, silent = [], "rows", 0
        for projection, population in zip(program.projections, program.populations, strict=True):
            name, size = population.name, population.size
            constants[f"weight {name}"] = _with_counts(projection.map.matrix().T, silent)
            constants[f"start {name}"] = np.array([size])
            constants[f"stop {name}"] = np.array([size + COLUMNS])
            current = f"current {name}"
            nodes.append(helper.make_node("MatMulInteger", [signal, f"weight {name}"], [current]))
            counted, total = current, f"total {name}"
            if population.spikes:
                counted = f"counts {name}"
                columns = [current, f"start {name}", f"stop {name}", "last"]
                nodes.append(helper.make_node("Slice", columns, [counted]))
                constants[f"limit {name}"] = _limits(population)
                fired, signal, silent = f"fired {name}", f"spikes {name}", COLUMNS
                nodes.append(helper.make_node("Greater", [current, f"limit {name}"], [fired]))
                nodes.append(helper.make_node("Cast", [fired], [signal], to=TensorProto.UINT8))
            nodes.append(helper.make_node("ReduceSum", [counted, "time"], [total], keepdims=0))
        spiking = [p.name for p in program.populations[:-1]]
        self.totals = [f"total {p.name}" for p in program.populations]
        self.on_record = [f"spikes {n}" for n in spiking]
        describe = helper.make_tensor_value_info
        outputs = [describe(n, TensorProto.INT32, [None] * 2) for n in self.totals]
        outputs += [describe(n, TensorProto.UINT8, [None] * 3) for n in self.on_record]
        rows = describe("rows", TensorProto.UINT8, [None, None, program.input.size])
        stored = [numpy_helper.from_array(value, name) for name, value in constants.items()]
        model = helper.make_model(
            helper.make_graph(nodes, "rows", [rows], outputs, stored),
            opset_imports=[helper.make_opsetid("", 17)],
            ir_version=9,
        )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        self.weights = {
            p.name: constants[f"weight {p.target}"][: p.map.source_size, : p.map.target_size].T
            for p in program.projections
        }

    def run(self, inputs: np.ndarray, record: bool) -> Trace:
        """Run inputs uint8 [time, batch, input] that the program accepts."""
        program = self.program
        steps, batch, _ = inputs.shape
        inputs = np.ascontiguousarray(inputs)
        names = self.totals + (self.on_record if record else [])
        totals = [
            np.zeros((batch, COLUMNS + (0 if p.spikes else p.size)), dtype=np.int64)
            for p in program.populations
        ]
        spikes = {
            p.name: np.empty((steps, batch, p.size), dtype=np.uint8)
            for p in (program.populations[:-1] if record else ())
        }

        def run_block(block: tuple[slice, slice]) -> list[np.ndarray]:
            found: list[np.ndarray] = self.session.run(names, {"rows": inputs[block]})
            for array, part in zip(spikes.values(), found[len(totals) :], strict=True):
                array[block] = part[:, :, : array.shape[2]]
            return found[: len(totals)]

        blocks = list(_blocks(steps, batch))
        for block, found in zip(blocks, self.pool.map(run_block, blocks), strict=True):
            for total, part in zip(totals, found, strict=True):
                total[block[1]] += part
        logits = totals[-1][:, :-COLUMNS] + steps * program.readout.bias.astype(np.int64)
        counts = [total[:, -COLUMNS:] for total in totals]
        chain = list(zip(program.projections, counts, strict=True))
        events = EventCounts(
            batch,
            steps,
            {p.name: count @ _DIGITS for p, count in chain},
            {p.source: count[:, 0] for p, count in chain},
            program.multiplies,
        )
        return Trace(logits, events, spikes if record else None)


def _blocks(steps: int, batch: int) -> Iterator[tuple[slice, slice]]:
    """Contiguous pieces of [time, batch] with at most `ROWS` rows each."""
    together = max(1, ROWS // max(1, batch))
    for t in range(0, steps, together):
        width = batch if together > 1 else ROWS
        for b in range(0, batch, width):
            yield slice(t, t + together), slice(b, b + width)


COLUMNS = 3
_DIGITS = np.array([0, BASE, 1])
"""Synaptic operations from the columns: spikes, high digit, low digit."""


def _with_counts(weight: np.ndarray, silent: int) -> np.ndarray:
    """Weight int8 [source, target] with count columns, and zero rows for the silent signals."""
    fan_out = (weight != 0).sum(axis=1)
    extra = np.stack((np.ones_like(fan_out), fan_out // BASE, fan_out % BASE), axis=1)
    counted = np.hstack((weight, extra.astype(np.int8)))
    return np.vstack((counted, np.zeros((silent, counted.shape[1]), dtype=np.int8)))


def _limits(population: Population) -> np.ndarray:
    """Largest current that does not fire, int32; the count columns never fire."""
    threshold = population.parameters()["threshold"].astype(np.int64)
    limit = np.clip(threshold - population.bias, -INT32_MAX - 1, INT32_MAX)
    return np.append(limit, [INT32_MAX] * COLUMNS).astype(np.int32)
