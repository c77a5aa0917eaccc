"""Runs exported C: compiles it, calls it with ctypes, and reads the weights from the library."""

import _ctypes
import ctypes
import math
import os
import shutil
import subprocess
import tempfile
import weakref
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ultralif_deploy.errors import Missing, UltralifError
from ultralif_deploy.io.artefacts import C_SOURCE
from ultralif_deploy.program.exits import ExitRule, Stopped
from ultralif_deploy.program.program import Program
from ultralif_deploy.program.trace import Trace
from ultralif_deploy.schema.back_ends import Facts
from ultralif_deploy.simulators.fast.events import count_events
from ultralif_deploy.simulators.runners.c_arrays import declared, executed

BATCH_SOURCE = Path(__file__).parent / "c_batch.c"
STRICT_FLAGS = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic")
TIME_LIMIT_S = 600


def compiler() -> str | None:
    """Path of the C compiler: $CC, else cc, gcc or clang."""
    return next(
        filter(None, map(shutil.which, (os.environ.get("CC") or "cc", "gcc", "clang"))), None
    )


def missing() -> Missing | None:
    """The C compiler, if none is installed."""
    return None if compiler() else Missing("a C compiler", "apt-get install -y gcc libc6-dev")


def compile_c(arguments: Iterable[object]) -> None:
    """Call the compiler with strict warnings.

    Raises:
        UltralifError: it does not compile.
    """
    call_compiler("c", [compiler() or "cc", *STRICT_FLAGS, *map(str, arguments)])


def call_compiler(back_end: str, command: Sequence[str]) -> None:
    """Run a command of a compiler.

    Args:
        back_end: its name, for the error.
        command: program and arguments.

    Raises:
        UltralifError: it does not compile, with its first line that names an error.
    """
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIME_LIMIT_S)
    if done.returncode:
        lines = done.stderr.splitlines()
        first = next((line for line in lines if "error" in line), f"exit code {done.returncode}")
        raise UltralifError(f"{back_end}: does not compile: {first}")


def load(program: Program, directory: Path, optimization: str = "-O2") -> "Compiled":
    """Compile `ultralif_program.c` of a directory.

    Args:
        program: program that the directory expresses.
        directory: directory with the exported files.
        optimization: a flag of the compiler.

    Raises:
        UltralifError: a file is missing or does not compile.
    """
    return Compiled(program, directory, optimization)


class Compiled:
    """The exported source as a shared library."""

    def __init__(self, program: Program, directory: Path, optimization: str) -> None:
        self.program = program
        self.directory = directory
        with tempfile.TemporaryDirectory(prefix="ultralif-") as temporary:
            path = Path(temporary) / "program.so"
            sources = (f"-I{directory}", directory / C_SOURCE, BATCH_SOURCE)
            compile_c((optimization, "-shared", "-fPIC", *sources, "-o", path))
            self.library = ctypes.CDLL(str(path))
        # Python never unmaps a library by itself.
        weakref.finalize(self.library, _ctypes.dlclose, self.library._handle)
        self.spiking = [p for p in program.populations if p.spikes]
        self.arrays = declared(directory)
        self.sizes = np.array([p.size for p in self.spiking], dtype=np.uint32)
        ends = np.cumsum(self.sizes, dtype=np.uint32)
        # The state holds words of 4 bytes first, then spikes in bytes.
        last = int(self.sizes.sum())
        first = self.library.ultralif_ram_bytes() - -(-last // 4) * 4
        self.offsets = first + ends - self.sizes

    def executed(self) -> dict[str, np.ndarray]:
        """Weights, biases and parameters, read from the compiled library and unpacked."""
        return executed(self.program, self._read)

    def describe(self) -> Facts:
        """Bytes of state, and of code and constants as compiled for size on this machine."""
        return _code_bytes(self.directory) | {"ram_bytes": int(self.library.ultralif_ram_bytes())}

    def run(self, inputs: np.ndarray, record: bool = False) -> Trace:
        """Run inputs uint8 [time, batch, input], one sample after the other.

        Several threads may run one library: the state is each call's own.
        """
        return self._run(inputs, None, record).trace

    def run_until_exit(self, inputs: np.ndarray, rule: ExitRule, record: bool = False) -> Stopped:
        """The same until the rule stops each sample.

        Args:
            inputs: inputs with as many timesteps as the rule has.
            rule: rule that the program was exported with.
            record: keep the spikes.

        Raises:
            UltralifError: it was exported with another rule, or with none.
        """
        rule.check(self.program, inputs)
        exits = [name for name in self.arrays if name.startswith("exit_")]
        rule.check_held({name.removeprefix("exit_"): self._read(name) for name in exits}, "c")
        return self._run(inputs, rule, record)

    def _run(self, inputs: np.ndarray, rule: ExitRule | None, record: bool) -> Stopped:
        inputs = np.ascontiguousarray(self.program.check_inputs(inputs))
        time, batch, _ = inputs.shape
        logits = np.zeros((batch, self.program.readout.size), dtype=np.int32)
        spikes = {p.name: np.zeros((time, batch, p.size), dtype=np.uint8) for p in self.spiking}
        timesteps = np.full(batch, time, dtype=np.uint32)
        pointers = (ctypes.c_void_p * max(1, len(spikes)))(
            *(a.ctypes.data for a in spikes.values())
        )
        # Words of 64 bits are aligned for whatever the state begins with.
        state = np.zeros(-(-self.library.ultralif_ram_bytes() // 8), dtype=np.uint64)
        self.library.ultralif_batch(
            ctypes.c_void_p(state.ctypes.data),
            ctypes.c_void_p(inputs.ctypes.data),
            ctypes.c_uint32(time),
            ctypes.c_uint32(batch),
            ctypes.c_void_p(logits.ctypes.data),
            ctypes.c_uint32(len(spikes)),
            ctypes.c_void_p(self.offsets.ctypes.data),
            ctypes.c_void_p(self.sizes.ctypes.data),
            pointers,
            ctypes.c_void_p(None if rule is None else timesteps.ctypes.data),
        )
        ends = None if rule is None else timesteps
        counts = count_events(self.program, inputs, spikes, ends)
        trace = Trace(logits.astype(np.int64), counts, spikes if record else None)
        return Stopped(trace, timesteps.astype(np.int64))

    def _read(self, name: str) -> np.ndarray:
        """An array in the type and the shape that the source declares."""
        if name not in self.arrays:
            raise UltralifError(f"c: {C_SOURCE} declares no ultralif_{name}")
        dtype, shape = self.arrays[name]
        kind: type[ctypes.Array[Any]] = np.ctypeslib.as_ctypes_type(dtype) * math.prod(shape)
        held = np.array(kind.in_dll(self.library, f"ultralif_{name}"), dtype=np.int64)
        return held.reshape(shape)


def _code_bytes(directory: Path) -> Facts:
    """Section sizes of the program, compiled for size; empty if the tool `size` is missing."""
    if shutil.which("size") is None:
        return {}
    with tempfile.TemporaryDirectory(prefix="ultralif-") as temporary:
        path = Path(temporary) / "program.o"
        compile_c(("-Os", "-fno-pic", "-c", directory / C_SOURCE, "-o", path))
        run = subprocess.run(["size", "-A", path], capture_output=True, text=True, check=True)
    sections = {
        parts[0]: int(parts[1])
        for line in run.stdout.splitlines()
        if len(parts := line.split()) == 3 and parts[1].isdigit()
    }
    constant = sum(size for name, size in sections.items() if name.startswith(".rodata"))
    code = sum(size for name, size in sections.items() if name.startswith(".text"))
    return {"code_bytes": code, "const_bytes": constant, "flash_bytes": code + constant}
