"""Every export target and every back end by name: what writes, what runs, what it needs."""

import shutil
import tempfile
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from ultralif_deploy.errors import Missing, UltralifError
from ultralif_deploy.exporters.c.writer import write_c
from ultralif_deploy.exporters.golden import Vectors
from ultralif_deploy.exporters.lava.writer import (
    RUNTIME,
    write_lava,
    write_lava_custom,
    write_lava_loihi1,
)
from ultralif_deploy.exporters.netx.writer import NETX_RUNTIME, write_netx
from ultralif_deploy.exporters.onnx.writer import write_onnx
from ultralif_deploy.exporters.qonnx.writer import write_qonnx
from ultralif_deploy.exporters.verilog.writer import write_verilog
from ultralif_deploy.io.artefacts import C_PREFIX
from ultralif_deploy.io.torch_build import missing_gpu_build
from ultralif_deploy.program.exits import ExitRule
from ultralif_deploy.program.program import Program
from ultralif_deploy.program.trace import Executable
from ultralif_deploy.simulators.fast import simulator as fast
from ultralif_deploy.simulators.loihi import simulator as loihi
from ultralif_deploy.simulators.reference import simulator as reference
from ultralif_deploy.simulators.runners import c as c_runner
from ultralif_deploy.simulators.runners import lava as lava_runner
from ultralif_deploy.simulators.runners import onnx as onnx_runner
from ultralif_deploy.simulators.runners import qonnx as qonnx_runner
from ultralif_deploy.simulators.runners.firmware import runner as firmware_runner
from ultralif_deploy.simulators.runners.firmware.cores import CORES
from ultralif_deploy.simulators.runners.verilog import netlist
from ultralif_deploy.simulators.runners.verilog import runner as verilog_runner
from ultralif_deploy.simulators.runners.verilog import tools as verilog_tools

Write = Callable[..., tuple[Path, ...]]
"""Writes a program's form into a directory, whole or not at all; returns the files.

Called with the program and the directory, and with what `OPTIONS` says that the form takes.
Raises `Refused` where the target cannot express the program exactly.
"""


def _nothing() -> None:
    return None


@dataclass(frozen=True, slots=True)
class BackEnd:
    """One way to execute a program.

    Attributes:
        load: function that makes a program ready; with an artefact, it reads the directory.
        artefact: name of the exporter whose files are executed, or None.
        missing: function that says what is not installed here; None if nothing is missing.
        on_request: whether it takes so long that only those who name it get it.
    """

    load: Callable[[Program, Path], Executable]
    artefact: str | None = None
    missing: Callable[[], Missing | None] = _nothing
    on_request: bool = False


def _on_torch(device: str, missing: Callable[[], Missing | None] = _nothing) -> BackEnd:
    """A device of torch, which takes long to import, so nobody gets it unasked."""

    def load(program: Program, _: Path) -> Executable:
        from ultralif_deploy.simulators.torch_device import simulator

        return simulator.load(program, device)

    return BackEnd(load, None, missing, on_request=True)


def _missing_cuda() -> Missing | None:
    """Asks torch itself, which takes long to import, only where it was built for a GPU."""
    if (missing := missing_gpu_build()) is not None:
        return missing
    from ultralif_deploy.soft.compute import missing_gpu

    return missing_gpu()


def _in_memory(load: Callable[[Program], Executable]) -> BackEnd:
    return BackEnd(lambda program, _: load(program))


GOLDEN_SAMPLES, GOLDEN_TIMESTEPS = 2, 8
"""Of the self-test in exported C: enough that a changed weight shows, short enough to read."""


REFERENCE_OPERATIONS = 4_000_000
"""Most synaptic operations of golden vectors that the reference computes: about a second."""


def _golden_inputs(program: Program, timesteps: int) -> np.ndarray:
    """Seeded inputs of self-tests, half of them 0, uint8 [time, sample, input]."""
    rng = np.random.default_rng(0)
    shape = (timesteps, GOLDEN_SAMPLES, program.input.size)
    values = rng.integers(1, program.input.maximum + 1, shape) * rng.integers(0, 2, shape)
    inputs: np.ndarray = values.astype(np.uint8)
    return inputs


def _write_c(
    program: Program,
    directory: Path,
    rule: ExitRule | None = None,
    prefix: str = C_PREFIX,
    package: str | None = None,
) -> tuple[Path, ...]:
    """C with golden vectors."""
    steps = min(GOLDEN_TIMESTEPS, program.timesteps) if rule is None else rule.timesteps
    inputs = _golden_inputs(program, steps)
    executable = fast.load(program)
    trace = executable.run(inputs, record=True)
    assert trace.spikes is not None
    exits = None
    if rule is not None:
        stopped = executable.run_until_exit(inputs, rule)
        exits = np.stack([stopped.timesteps, stopped.trace.predictions()], axis=1)
    vectors = Vectors(inputs, trace.spikes, trace.logits, exits)
    return write_c(program, directory, vectors, rule, prefix, package)


def _write_verilog(
    program: Program,
    directory: Path,
    rule: ExitRule | None = None,
    lanes: int | None = None,
) -> tuple[Path, ...]:
    """Verilog with golden vectors, which are the reference's.

    A rule needs all of its timesteps. Where the reference would take long for them, the vectors are
    those of `fast`.
    """
    operations = sum(int(p.map.fan_out().sum()) for p in program.projections)
    affordable = max(1, REFERENCE_OPERATIONS // (GOLDEN_SAMPLES * max(1, operations)))
    if rule is None:
        inputs = _golden_inputs(program, min(GOLDEN_TIMESTEPS, program.timesteps, affordable))
        trace, exits = reference.load(program).run(inputs, record=True), None
    else:
        inputs = _golden_inputs(program, rule.timesteps)
        judge = reference if rule.timesteps <= affordable else fast
        stopped = judge.load(program).run_until_exit(inputs, rule, record=True)
        trace = stopped.trace
        exits = np.stack([stopped.timesteps, trace.predictions()], axis=1)
    assert trace.spikes is not None
    vectors = Vectors(inputs, trace.spikes, trace.logits, exits)
    return write_verilog(program, directory, vectors, rule, lanes)


EXPORTERS: dict[str, Write] = {
    "onnx": write_onnx,
    "c": _write_c,
    "lava": write_lava,
    "lava-loihi1": write_lava_loihi1,
    "lava-custom": write_lava_custom,
    "netx": write_netx,
    "verilog": _write_verilog,
    "qonnx": write_qonnx,
}
"""Forms other than NIR by the name that `export --to` uses; each is a directory of that name."""

OPTIONS = {"c": ("rule", "prefix", "package"), "verilog": ("rule", "lanes")}
"""What a form takes beside the program. Forms without an exit rule are run by what knows it."""

BACK_ENDS: dict[str, BackEnd] = {
    "reference": _in_memory(reference.load),
    "fast": _in_memory(fast.load),
    "torch": _on_torch("cpu"),
    "torch-cuda": _on_torch("cuda", _missing_cuda),
    "loihi1": _in_memory(loihi.load1),
    "loihi2": _in_memory(loihi.load2),
    "onnx": BackEnd(onnx_runner.load, "onnx"),
    "c": BackEnd(c_runner.load, "c", c_runner.missing),
    **{
        name: BackEnd(firmware_runner.loader(name), "c", core.missing, on_request=True)
        for name, core in CORES.items()
    },
    **{
        flavour: BackEnd(lava_runner.load, flavour, partial(lava_runner.missing, RUNTIME))
        for flavour in ("lava", "lava-loihi1", "lava-custom")
    },
    "netx": BackEnd(
        lava_runner.load, "netx", partial(lava_runner.missing_netx, RUNTIME, NETX_RUNTIME)
    ),
    "verilog": BackEnd(verilog_runner.load, "verilog", verilog_tools.missing, on_request=True),
    "verilog-netlist": BackEnd(netlist.load, "verilog", netlist.missing, on_request=True),
    "qonnx": BackEnd(qonnx_runner.load, "qonnx", qonnx_runner.missing, on_request=True),
}
"""Every back end by the name that `simulate --on` uses."""

COMPARED = tuple(name for name, back_end in BACK_ENDS.items() if not back_end.on_request)
"""Back ends that are compared where nobody names others."""


def back_end(name: str) -> BackEnd:
    """The back end of a name.

    Raises:
        UltralifError: there is none.
    """
    if name not in BACK_ENDS:
        raise UltralifError(f"back end {name!r}; available: {', '.join(BACK_ENDS)}")
    return BACK_ENDS[name]


def write_form(
    target: str,
    program: Program,
    directory: Path,
    rule: ExitRule | None = None,
    *,
    prefix: str | None = None,
    package: str | None = None,
    lanes: int | None = None,
) -> tuple[Path, ...]:
    """Write a program in one form.

    Args:
        target: key of `EXPORTERS`.
        program: program to be written.
        directory: directory of the files.
        rule: exit rule, for forms that hold one.
        prefix: what names begin with, for forms that have names.
        package: build system whose library the form becomes, for forms that have sources; None
            writes the sources alone.
        lanes: neurons of a population that are computed at once, for hardware; None chooses them.

    Raises:
        Refused: the target cannot express the program exactly.
    """
    given = {"rule": rule, "prefix": prefix, "package": package, "lanes": lanes}
    taken = {n: v for n, v in given.items() if v is not None and n in OPTIONS.get(target, ())}
    return EXPORTERS[target](program, directory, **taken)


def write_artefact(
    name: str, program: Program, directory: Path, rule: ExitRule | None = None
) -> tuple[Path, ...]:
    """Write what a back end executes below a directory; nothing for one that has no artefact.

    Args:
        name: name of the back end.
        program: program to be run.
        directory: below which the artefact gets a directory of its own.
        rule: rule by which samples may stop early.

    Raises:
        Refused: the target cannot express the program exactly.
    """
    artefact = back_end(name).artefact
    return () if artefact is None else write_form(artefact, program, directory / artefact, rule)


def load_written(name: str, program: Program, directory: Path) -> Executable:
    """Make ready what `write_artefact` wrote.

    Args:
        name: name of the back end.
        program: program that was written.
        directory: directory that `write_artefact` was given.

    Raises:
        Missing: a tool that the back end needs is not installed.
    """
    chosen = back_end(name)
    if (missing := chosen.missing()) is not None:
        raise missing
    return chosen.load(program, directory / (chosen.artefact or ""))


def load_on(name: str, program: Program, rule: ExitRule | None = None) -> Executable:
    """Make a program ready on a back end; its artefact lives as long as the result.

    Args:
        name: name of the back end.
        program: program to be run.
        rule: rule by which samples may stop early.

    Raises:
        UltralifError: unknown back end.
        Missing: a tool that the back end needs is not installed.
        Refused: the back end cannot express the program exactly.
    """
    if back_end(name).artefact is None:
        return load_written(name, program, Path())
    directory = Path(tempfile.mkdtemp(prefix="ultralif-"))
    try:
        write_artefact(name, program, directory, rule)
        executable = load_written(name, program, directory)
    except BaseException:
        shutil.rmtree(directory, ignore_errors=True)
        raise
    weakref.finalize(executable, shutil.rmtree, directory, ignore_errors=True)
    return executable
