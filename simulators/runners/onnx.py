"""Runs exported ONNX files with onnxruntime, and reads the weights from their initializers."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.io.artefacts import ONNX_SEQUENCE, ONNX_STEP
from ultralif_deploy.io.printable import first_line
from ultralif_deploy.program.exits import ExitRule, Stopped
from ultralif_deploy.program.graph import INPUT, WEIGHTED, Conv2d
from ultralif_deploy.program.program import Program
from ultralif_deploy.program.trace import EventCounts, Trace
from ultralif_deploy.schema.back_ends import Facts
from ultralif_deploy.simulators.fast.events import count_events
from ultralif_deploy.simulators.streams import Memory, run_until_exit


def load(program: Program, directory: Path) -> "OnOnnxruntime":
    """Make `sequence.onnx` of a directory ready, and `step.onnx` for samples that stop early.

    Raises:
        UltralifError: a file is missing or onnxruntime does not take it.
    """
    return OnOnnxruntime(program, directory)


class OnOnnxruntime:
    """Both graphs in onnxruntime sessions on all cores."""

    def __init__(self, program: Program, directory: Path) -> None:
        self.program = program
        try:
            self.models = {name: onnx.load(directory / name) for name in (ONNX_STEP, ONNX_SEQUENCE)}
            options = onnxruntime.SessionOptions()
            options.log_severity_level = 3
            # Threads that wait leave their cores to others; by default they spin.
            options.add_session_config_entry("session.intra_op.allow_spinning", "0")
            self.step, self.session = (
                onnxruntime.InferenceSession(
                    self.models[name].SerializeToString(),
                    options,
                    providers=["CPUExecutionProvider"],
                )
                for name in (ONNX_STEP, ONNX_SEQUENCE)
            )
        except Exception as error:  # onnxruntime and protobuf raise their own kinds
            said = first_line(error)
            raise UltralifError(f"{directory}: onnxruntime cannot load it ({said})") from error
        self.spiking = [p.name for p in program.populations if p.spikes]

    def executed(self) -> dict[str, np.ndarray]:
        """Weights, biases and parameters in both graphs; −1 where the two graphs differ."""
        step, sequence = (constants(self.models[name].graph) for name in (ONNX_STEP, ONNX_SEQUENCE))
        arrays: dict[str, np.ndarray] = {}

        def take(name: str) -> np.ndarray:
            if name in step and not np.array_equal(step[name], sequence[name]):
                return np.full_like(sequence[name], -1)
            return sequence[name]

        for p in self.program.projections:
            if isinstance(p.map, WEIGHTED):
                weight = take(f"weight/{p.name}")
                arrays[p.name] = weight if isinstance(p.map, Conv2d) else weight.T
        for population in self.program.populations:
            for name in ("bias", *population.parameters()):
                arrays[f"{population.name}.{name}"] = take(f"{name}/{population.name}")
        return arrays

    def describe(self) -> Facts:
        """Size and opset of the file that runs."""
        model = self.models[ONNX_SEQUENCE]
        return {"opset": model.opset_import[0].version, "model_bytes": model.ByteSize()}

    def run(self, inputs: np.ndarray, record: bool = False) -> Trace:
        """Run inputs uint8 [time, batch, input], all samples at once."""
        inputs = np.ascontiguousarray(self.program.check_inputs(inputs))
        *spikes, logits = self.session.run(None, {"input": inputs})
        recorded = dict(zip(self.spiking, spikes, strict=True))
        counts = count_events(self.program, inputs, recorded)
        return Trace(logits, counts, recorded if record else None)

    def run_until_exit(self, inputs: np.ndarray, rule: ExitRule, record: bool = False) -> Stopped:
        """The same with `step.onnx`, without the samples that have stopped.

        Args:
            inputs: inputs with as many timesteps as the rule has.
            rule: exit rule that says when samples stop.
            record: keep the spikes.
        """
        inputs = self.program.check_inputs(inputs)
        found = run_until_exit(self.program, self._step, inputs, rule, record=True)
        spikes = found.trace.spikes
        assert spikes is not None
        counts = count_events(self.program, inputs, spikes, found.timesteps)
        trace = Trace(found.trace.logits, counts, spikes if record else None)
        return Stopped(trace, found.timesteps)

    def _step(self, inputs: np.ndarray, record: bool, memory: Memory) -> Trace:
        """One timestep; its events are counted when all is done."""
        del record
        held = {f"state/{name}": state for name, state in memory.states.items()}
        held |= {f"sent/{name}": sent[0] for name, sent in memory.last.items()}
        held = {i.name: held[i.name] for i in self.step.get_inputs() if i.name != INPUT}
        names = [output.name for output in self.step.get_outputs()]
        values = self.step.run(names, {INPUT: np.ascontiguousarray(inputs[0]), **held})
        found = dict(zip(names, values, strict=True))
        for name, before in held.items():
            before[:] = found[f"next_{name}"]
        counts = EventCounts(inputs.shape[1], 1, {}, {}, self.program.multiplies)
        spikes = {name: found[f"spikes/{name}"][None] for name in self.spiking}
        return Trace(found["logits"], counts, spikes)


def constants(graph: onnx.GraphProto) -> dict[str, np.ndarray]:
    """Initializers of a graph and of the graphs inside it, by name."""
    found = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                found |= constants(attribute.g)
    return found
