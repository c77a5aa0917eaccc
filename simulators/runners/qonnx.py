"""Runs an exported QONNX file with the executor of the qonnx package, all timesteps in one pass."""

from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from ultralif_deploy.errors import Missing, UltralifError
from ultralif_deploy.io.artefacts import QONNX_MODEL
from ultralif_deploy.io.printable import first_line
from ultralif_deploy.program.graph import INPUT, WEIGHTED, Conv2d
from ultralif_deploy.program.program import Program
from ultralif_deploy.program.trace import Trace
from ultralif_deploy.schema.back_ends import Facts
from ultralif_deploy.simulators.fast.events import count_events


def missing() -> Missing | None:
    """The qonnx package, if it is not installed."""
    return None if find_spec("qonnx") else Missing("qonnx", "pip install 'ultralif-deploy[qonnx]'")


def load(program: Program, directory: Path) -> "OnQonnx":
    """Read the exported file.

    Raises:
        UltralifError: the file is missing or is not QONNX.
    """
    return OnQonnx(program, directory)


class OnQonnx:
    """The graph of one timestep; its rows are all samples of all timesteps."""

    def __init__(self, program: Program, directory: Path) -> None:
        from qonnx.core.modelwrapper import ModelWrapper

        self.program = program
        try:
            self.model = ModelWrapper(onnx.load(directory / QONNX_MODEL))
        except Exception as error:  # protobuf and qonnx raise their own kinds
            said = first_line(error)
            raise UltralifError(f"{directory}: qonnx cannot load it ({said})") from error
        self.spiking = [p.name for p in program.populations if p.spikes]

    def executed(self) -> dict[str, np.ndarray]:
        """The integers of the file, in the program's terms."""
        stored = {i.name: numpy_helper.to_array(i) for i in self.model.graph.initializer}
        arrays: dict[str, np.ndarray] = {}
        for p in self.program.projections:
            if isinstance(p.map, WEIGHTED):
                weight = stored[f"weight/{p.name}"].astype(np.int64)
                arrays[p.name] = weight if isinstance(p.map, Conv2d) else weight.T
        for population in self.program.populations:
            arrays[f"{population.name}.bias"] = stored[f"bias/{population.name}"].astype(np.int64)
            for name in population.parameters():
                levels = stored[f"threshold/{population.name}"].astype(np.int64) - 1
                arrays[f"{population.name}.{name}"] = levels.T.ravel()
        return arrays

    def describe(self) -> Facts:
        """Version of the package, and size of the file."""
        return {"qonnx": version("qonnx"), "model_bytes": self.model.model.ByteSize()}

    def run(self, inputs: np.ndarray, record: bool = False) -> Trace:
        """Run inputs uint8 [time, batch, input]."""
        from qonnx.core.onnx_exec import execute_onnx
        from qonnx.transformation.change_batchsize import ChangeBatchSize
        from qonnx.transformation.infer_shapes import InferShapes

        inputs = self.program.check_inputs(inputs)
        time, batch, size = inputs.shape
        rows = inputs.reshape(time * batch, size).astype(np.float32)
        model = self.model.transform(ChangeBatchSize(len(rows))).transform(InferShapes())
        found = execute_onnx(model, {INPUT: rows}, return_full_exec_context=True)
        spikes = {
            name: found[f"spikes/{name}"].reshape(time, batch, -1).astype(np.uint8)
            for name in self.spiking
        }
        logits = found["logits"].reshape(time, batch, -1).astype(np.int64).sum(axis=0)
        counts = count_events(self.program, inputs, spikes)
        return Trace(logits, counts, spikes if record else None)
