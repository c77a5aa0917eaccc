"""Runs exported C on an emulated core, and reads the weights from the core's memory."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.io.artefacts import C_SOURCE
from ultralif_deploy.program.program import Program
from ultralif_deploy.program.trace import Trace
from ultralif_deploy.schema.back_ends import Facts
from ultralif_deploy.simulators.fast.events import count_events
from ultralif_deploy.simulators.runners.c_arrays import declared, executed
from ultralif_deploy.simulators.runners.firmware.cores import CORES, OPTIMIZATIONS
from ultralif_deploy.simulators.runners.firmware.emulator import Machine
from ultralif_deploy.simulators.runners.firmware.image import RAM, build

COUNTED = 20
"""Samples whose instructions are counted; the others run without, which is faster."""


def loader(name: str) -> Callable[[Program, Path], "OnCore"]:
    """Function that makes a program ready on the core of a back end."""
    return lambda program, directory: OnCore(name, program, directory)


class OnCore:
    """The exported source, cross-compiled and in the memory of an emulated core."""

    def __init__(
        self,
        name: str,
        program: Program,
        directory: Path,
        optimization: str = OPTIMIZATIONS[0],
    ) -> None:
        self.name = name
        self.program = program
        self.image = build(CORES[name], directory, optimization)
        self.arrays = declared(directory)
        self.spiking = [p for p in program.populations if p.spikes]
        self.counted: list[int] = []
        self.stack_bytes = 0
        self.machine = Machine(CORES[name], self.image)

    def executed(self) -> dict[str, np.ndarray]:
        """Weights, biases and parameters, read from the core's memory and unpacked."""
        return executed(self.program, self._read)

    def describe(self) -> Facts:
        """Sizes in bytes, and the instructions of an inference over the samples counted."""
        facts: Facts = {
            "code_bytes": self.image.code_bytes,
            "const_bytes": self.image.const_bytes,
            "flash_bytes": self.image.code_bytes + self.image.const_bytes,
            "ram_bytes": self.image.symbols["firmware_state"][1],
        }
        if self.counted:
            facts["stack_bytes"] = self.stack_bytes
            facts["instructions"] = {
                "mean": float(np.mean(self.counted)),
                "most": max(self.counted),
                "samples": len(self.counted),
            }
        return facts

    def run(self, inputs: np.ndarray, record: bool = False) -> Trace:
        """Run inputs uint8 [time, batch, input], one sample after the other."""
        inputs = np.ascontiguousarray(self.program.check_inputs(inputs))
        time, batch, _ = inputs.shape
        machine, symbols = self.machine, self.image.symbols
        state, state_bytes = symbols["firmware_state"]
        sizes = np.array([p.size for p in self.spiking], dtype=np.int64)
        # The state holds words of 4 bytes first, then spikes in bytes.
        total = int(sizes.sum())
        first = state + state_bytes - -(-total // 4) * 4
        rows = np.zeros((time, batch, total), dtype=np.uint8)
        logits = np.zeros((batch, self.program.readout.size), dtype=np.int64)
        for b in range(batch):
            counting = len(self.counted) < COUNTED
            machine.count(counting)
            machine.instructions = 0
            machine.call("ultralif_init", state)
            for t in range(time):
                machine.engine.mem_write(symbols["firmware_inputs"][0], inputs[t, b].tobytes())
                machine.call("ultralif_step", state, symbols["firmware_inputs"][0])
                rows[t, b] = np.frombuffer(machine.engine.mem_read(first, total), dtype=np.uint8)
            if counting:
                self.counted.append(machine.instructions)
            logits[b] = self._logits(state)
        self.stack_bytes = machine.stack_bytes()
        parts = np.split(rows, np.cumsum(sizes)[:-1], axis=2) if len(sizes) else []
        spikes = {p.name: part for p, part in zip(self.spiking, parts, strict=True)}
        counts = count_events(self.program, inputs, spikes)
        return Trace(logits, counts, spikes if record else None)

    def _logits(self, state: int) -> np.ndarray:
        """Logits where `ultralif_logits` says that they lie; not counted."""
        machine = self.machine
        machine.count(False)
        machine.call("ultralif_logits", state)
        at = machine.engine.reg_read(machine.arguments[0])
        held = machine.engine.mem_read(at, 4 * self.program.readout.size)
        return np.frombuffer(held, dtype="<i4").astype(np.int64)

    def _read(self, name: str) -> np.ndarray:
        """An array in the type and the shape that the source declares."""
        if name not in self.arrays:
            raise UltralifError(f"{self.name}: {C_SOURCE} declares no ultralif_{name}")
        dtype, shape = self.arrays[name]
        at, size = self.image.symbols[f"ultralif_{name}"]
        assert at < RAM
        held = np.frombuffer(self.machine.engine.mem_read(at, size), dtype.newbyteorder("<"))
        return held.astype(np.int64).reshape(shape)
