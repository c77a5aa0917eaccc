"""Run exported Verilog: a simulator executes the testbench, which records every beat."""

import json
import shutil
import tempfile
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.io.artefacts import VERILOG_LAYOUT, VERILOG_SERIAL, VERILOG_TESTBENCH
from ultralif_deploy.io.event_words import PREDICTION_BITS, event_words
from ultralif_deploy.program.exits import ExitRule, Stopped
from ultralif_deploy.program.program import Program
from ultralif_deploy.program.trace import Trace
from ultralif_deploy.schema.back_ends import Facts
from ultralif_deploy.simulators.fast.events import count_events
from ultralif_deploy.simulators.runners.verilog import tools
from ultralif_deploy.simulators.runners.verilog.memories import read_arrays, read_tables

BEAT = np.dtype([("tag", ">u2"), ("flags", ">u2"), ("address", ">u4"), ("value", ">u4")])
CYCLES, WORK, ENDS = 0xFFFF, 0xFFFE, 2
"""Tags of a sample's cycles and of a population's work, and the flag that ends a timestep."""
UNUSED = ("ultralif_top.v", f"{VERILOG_SERIAL}.v")
"""Modules around the network, which the testbench drives itself."""


def load(program: Program, directory: Path, tool: str | None = None) -> "Simulated":
    """Build the testbench of a directory.

    Args:
        program: program that the directory expresses.
        directory: directory with the exported files.
        tool: `verilator` or `iverilog`; None takes the first that is installed.

    Raises:
        UltralifError: a file is missing or does not compile.
        Missing: no simulator is installed.
    """
    chosen = tools.found(tool)
    return simulated(
        program, directory, chosen, lambda folder: tools.build(chosen, sources(directory), folder)
    )


def simulated(
    program: Program, directory: Path, tool: tools.Tool, build: Callable[[Path], list[str]]
) -> "Simulated":
    """Build in a folder that lives as long as the result.

    Args:
        program: program that the directory expresses.
        directory: directory with the exported files.
        tool: simulator.
        build: function that builds in a folder, and returns the command that simulates.
    """
    folder = Path(tempfile.mkdtemp(prefix="ultralif-"))
    try:
        made = Simulated(program, directory, tool, folder, build(folder))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    weakref.finalize(made, shutil.rmtree, folder, ignore_errors=True)
    return made


class Simulated:
    """The exported hardware in a simulator.

    Attributes:
        cycles: cycles of each inference of the last run that did not stream, int64 [batch].
        elapsed: cycles of the last run.
        work: of the last run by population, words of weights that were added, and cycles in which
            the population added or updated; empty for a netlist.
    """

    def __init__(
        self,
        program: Program,
        directory: Path,
        tool: tools.Tool,
        folder: Path,
        command: list[str],
    ) -> None:
        self.program, self.directory, self.tool = program, directory.resolve(), tool
        self.folder, self.command = folder, command
        self.layout: dict[str, Any] = json.loads((directory / VERILOG_LAYOUT).read_text("utf-8"))
        self.slots = {name: np.array(at) for name, at in self.layout["slots"].items()}
        self.cycles = np.zeros(0, dtype=np.int64)
        self.elapsed = 0
        self.work: dict[str, tuple[int, int]] = {}

    def executed(self) -> dict[str, np.ndarray]:
        """Weights, biases and parameters, as the simulated memories hold them."""
        return read_arrays(self.program, self.layout, self.slots, self._memories())

    def _memories(self) -> str:
        """What the simulated memories hold, as the testbench writes it."""
        path = self.folder / "memories.txt"
        self._simulate("", f"+roms={path}")
        return path.read_text("ascii")

    def describe(self) -> Facts:
        """Cycles of an inference in the last run, lanes, accumulators and memories."""
        facts: Facts = {
            "simulator": self.tool.name,
            "lanes": self.layout["lanes"],
            "accumulator_bits": self.layout["accumulator_bits"],
            "rom_bits": self.layout["memory_bits"],
        }
        if len(self.cycles):
            facts["cycles_mean"] = float(self.cycles.mean())
            facts["cycles_max"] = int(self.cycles.max())
        return facts

    def run(self, inputs: np.ndarray, record: bool = False, stream: bool = False) -> Trace:
        """Run inputs uint8 [time, batch, input].

        Args:
            inputs: uint8 [time, batch, input].
            record: keep the spikes.
            stream: a sample enters before the logits of the sample before are there.

        Raises:
            UltralifError: more timesteps than the accumulators of the read-out were made for, or
                the hardware does not end.
        """
        return self._run(inputs, record, stream, whole=True).trace

    def run_until_exit(
        self, inputs: np.ndarray, rule: ExitRule, record: bool = False, stream: bool = False
    ) -> Stopped:
        """The same until the rule stops each sample.

        Args:
            inputs: inputs with as many timesteps as the rule has.
            rule: rule that the program was exported with.
            record: keep the spikes.
            stream: a sample enters before the logits of the sample before are there.

        Raises:
            UltralifError: it was exported with another rule, or with none.
        """
        rule.check(self.program, inputs)
        held = read_tables(self.layout, self._memories()) if "exits" in self.layout else {}
        rule.check_held(held, "verilog")
        return self._run(inputs, record, stream, whole=False)

    def _run(self, inputs: np.ndarray, record: bool, stream: bool, whole: bool) -> Stopped:
        inputs = self.program.check_inputs(inputs)
        time, batch, _ = inputs.shape
        most = self.layout["timesteps"]
        if most is not None and time > most:
            raise UltralifError(
                f"verilog: {time} timesteps; its read-out holds the sums of {most}; export a "
                "program of more timesteps (quantize --timesteps)"
            )
        spikes = {
            p.name: np.zeros((time, batch, p.size), dtype=np.uint8)
            for p in self.program.populations
            if p.spikes
        }
        logits = np.zeros((batch, self.program.readout.size), dtype=np.int64)
        timesteps = np.full(batch, time, dtype=np.int64)
        if time and batch:
            options = ["+stream"] if stream else []
            beats = self._simulate(event_words(inputs, whole), *options)
            self._take_logits(beats, logits, timesteps)
            self._take_spikes(beats, spikes, timesteps)
            self._take_cycles(beats, stream)
        counts = count_events(self.program, inputs, spikes, timesteps)
        return Stopped(Trace(logits, counts, spikes if record else None), timesteps)

    def _simulate(self, words: str, *arguments: str) -> np.ndarray:
        """Send words and return the recorded beats."""
        inputs, record = self.folder / "inputs.mem", self.folder / "beats.txt"
        inputs.write_text(words, "ascii")
        given = (f"+inputs={inputs}", f"+record={record}", *arguments)
        printed = tools.run([*self.command, *given], self.directory, self.tool)
        wrong = [line for line in printed.splitlines() if "no beat" in line or "no file" in line]
        if wrong:
            raise UltralifError(f"verilog: {wrong[0]}")
        return np.frombuffer(bytes.fromhex(record.read_text("ascii")), dtype=BEAT)

    def _take_logits(self, beats: np.ndarray, logits: np.ndarray, timesteps: np.ndarray) -> None:
        """Logits of every sample, and the timesteps after which each stopped.

        Raises:
            UltralifError: logits are missing, or the prediction that comes with them is another.
        """
        readout, exits = self.program.readout, "exits" in self.layout
        own = beats[beats["tag"] == len(self.program.populations) - 1]
        batch, size = logits.shape
        sent = size + exits
        if len(own) != batch * sent:
            raise UltralifError(
                f"verilog: {readout.name}: {len(own)} logits; expected {batch * sent}"
            )
        own = own.reshape(batch, sent)
        values = own["value"].astype(np.uint32).view(np.int32).astype(np.int64)[:, :size]
        places = own["address"].astype(np.int64)[:, :size]
        order = places if exits else self.slots[readout.name][places]
        np.put_along_axis(logits, order, values, axis=1)
        if not exits:
            return
        timesteps[:], predictions = np.divmod(own["value"][:, -1], 1 << PREDICTION_BITS)
        (wrong,) = np.nonzero(predictions != logits.argmax(axis=1))
        if len(wrong):
            raise UltralifError(
                f"verilog: {readout.name}: sample {wrong[0]} is said to be of class "
                f"{predictions[wrong[0]]}; expected {logits[wrong[0]].argmax()}, by its logits"
            )

    def _take_spikes(
        self, beats: np.ndarray, spikes: dict[str, np.ndarray], timesteps: np.ndarray
    ) -> None:
        """Spikes of every sample in the timesteps that it ran.

        Raises:
            UltralifError: a population ran fewer or more timesteps.
        """
        starts = np.cumsum(timesteps) - timesteps
        sample = np.repeat(np.arange(len(timesteps)), timesteps)
        timestep = np.arange(len(sample)) - starts[sample]
        for tag, population in enumerate(self.program.populations):
            if not population.spikes:
                continue
            own = beats[beats["tag"] == tag]
            ends = own["flags"] >= ENDS
            if np.count_nonzero(ends) != len(sample):
                raise UltralifError(
                    f"verilog: {population.name}: {np.count_nonzero(ends)} timesteps; expected "
                    f"{len(sample)}"
                )
            number = np.cumsum(ends) - ends  # timesteps before
            events, at = own[~ends], number[~ends]
            neurons = self.slots[population.name][events["address"]]
            spikes[population.name][timestep[at], sample[at], neurons] = events["value"]

    def _take_cycles(self, beats: np.ndarray, stream: bool) -> None:
        """Cycles of the run, and what its populations did."""
        cycles = beats[beats["tag"] == CYCLES]
        starts, ends = (cycles[key].astype(np.int64) for key in ("address", "value"))
        if len(cycles):
            self.elapsed = int(ends[-1] - starts[0]) + 1
        if not stream:
            self.cycles = ends - starts + 1
        work = beats[beats["tag"] == WORK]
        self.work = {
            self.program.populations[row["flags"]].name: (int(row["address"]), int(row["value"]))
            for row in work
        }


def sources(directory: Path) -> list[Path]:
    """Verilog of a directory, the testbench last.

    Raises:
        UltralifError: there is none.
    """
    found = sorted(directory.glob("ultralif_*.v"))
    if not found or not (directory / VERILOG_TESTBENCH).is_file():
        raise UltralifError(f"{directory}: no Verilog with a {VERILOG_TESTBENCH}")
    return [
        *(path for path in found if path.name not in UNUSED),
        directory / VERILOG_TESTBENCH,
    ]
