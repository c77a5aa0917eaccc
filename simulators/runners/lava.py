"""Runs exported folders of Lava and lava-dl with a Python that can import these packages."""

import contextlib
import functools
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from ultralif_deploy.chips.lava import stock_registers
from ultralif_deploy.chips.registers import Registers
from ultralif_deploy.errors import Missing, UltralifError
from ultralif_deploy.io.artefacts import LAVA_NETWORK, LAVA_RUN
from ultralif_deploy.program.graph import WEIGHTED
from ultralif_deploy.program.program import Program
from ultralif_deploy.program.trace import Trace
from ultralif_deploy.schema.back_ends import Facts
from ultralif_deploy.simulators.fast.events import count_events

PYTHON = "ULTRALIF_LAVA_PYTHON"
START_S, TIMESTEP_S = 120, 0.2
"""Time limit of a run: a start, and what a timestep may take at most."""
POLL_S = 0.2
"""How often a run's output is read for its progress."""
LAVA, LAVA_DL = "import lava_compat, lava.proc.lif.process", "import lava_dl"
INSTALL = (
    "python -m venv lava-env && lava-env/bin/pip install --no-deps --ignore-requires-python "
    "lava-nc==0.10.0 && lava-env/bin/pip install 'numpy<2.4' 'asteval>=0.9.31,<0.10' "
    "'networkx<=2.8.7' scipy scikit-learn && export ULTRALIF_LAVA_PYTHON=$PWD/lava-env/bin/python"
)
INSTALL_NETX = (
    f"{INSTALL} && lava-env/bin/pip install --no-deps --ignore-requires-python lava-dl==0.6.0 && "
    "lava-env/bin/pip install h5py"
)


def lava_python() -> str:
    """The Python interpreter that runs Lava: $ULTRALIF_LAVA_PYTHON, else the current one."""
    python = os.environ.get(PYTHON) or sys.executable
    # Runs have working directories of their own; links of an environment must not be followed.
    return os.path.abspath(python) if os.path.dirname(python) else python


@functools.cache
def _imports(python: str, code: str, modules: tuple[Path, ...]) -> bool:
    path = os.pathsep.join(map(str, modules))
    try:
        done = subprocess.run(
            [python, "-c", code],
            capture_output=True,
            timeout=START_S,
            env=os.environ | {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def missing(*modules: Path) -> Missing | None:
    """Lava, if the chosen Python cannot import it; `modules` are files that exports contain."""
    if _imports(lava_python(), LAVA, modules):
        return None
    return Missing(f"lava-nc 0.10 in {lava_python()} (set --lava-python or {PYTHON})", INSTALL)


def missing_netx(*modules: Path) -> Missing | None:
    """Lava or lava-dl's loader, if the chosen Python cannot import it."""
    if _imports(lava_python(), LAVA_DL, modules):
        return None
    tool = f"lava-dl 0.6 with lava-nc 0.10 and h5py in {lava_python()}"
    return Missing(f"{tool} (set --lava-python or {PYTHON})", INSTALL_NETX)


def load(program: Program, directory: Path) -> "Lava":
    """An exported folder of Lava's processes, or of a network exchange file."""
    return Lava(program, directory)


class Lava:
    """An exported folder. Its `run.py` runs in a separate process.

    Args:
        program: program that the folder expresses.
        directory: the folder.

    Attributes:
        on_sample: function that is called during a run with the number of samples done.
    """

    def __init__(self, program: Program, directory: Path) -> None:
        self.program = program
        self.on_sample: Callable[[int], None] = lambda samples: None
        self.directory = directory.resolve()
        self.network = json.loads((directory / LAVA_NETWORK).read_text("utf-8"))
        self.held: dict[str, np.ndarray] | None = None

    def executed(self) -> dict[str, np.ndarray]:
        """Weights and parameters read back from Lava's processes.

        Registers of a stock neuron do not show the parameters directly. They are compared with the
        registers that the program needs. If they are equal, the parameters are returned, else their
        complements.
        """
        if self.held is None:
            self.run(np.zeros((1, 0, self.program.input.size), dtype=np.uint8))
        assert self.held is not None
        configured = self._registers(self.program)
        arrays: dict[str, np.ndarray] = {}
        for q in self.program.projections:
            if isinstance(q.map, WEIGHTED):
                arrays[q.name] = self.held[f"{q.name}.weight"]
        for p, described in zip(self.program.populations, self.network["populations"], strict=True):
            wanted = {"bias": p.bias, **p.parameters()}
            if described["process"] == "stock":
                same = all(
                    np.array_equal(self.held[f"{p.name}.{name}"], getattr(configured[p.name], name))
                    for name in described["arrays"]
                )
                arrays |= {f"{p.name}.{k}": a if same else ~a for k, a in wanted.items()}
                continue
            for name in wanted:
                held = self.held[f"{p.name}.{'state' if name == 'initial' else name}"]
                arrays[f"{p.name}.{name}"] = held.reshape(wanted[name].shape)
        return arrays

    def _registers(self, program: Program) -> dict[str, Registers]:
        """Registers that the stock neurons of the program need, by population.

        Raises:
            Refused: no registers are exact, for example because the program has more timesteps.
        """
        return {
            p.name: stock_registers(program, p, self.network["flavour"])
            for p, described in zip(program.populations, self.network["populations"], strict=True)
            if described["process"] == "stock"
        }

    def describe(self) -> Facts:
        """How every population is expressed."""
        return {"processes": {p["name"]: p["process"] for p in self.network["populations"]}}

    def run(self, inputs: np.ndarray, record: bool = False) -> Trace:
        """Run inputs uint8 [time, batch, input].

        Raises:
            Refused: more timesteps than the program's, which stock neurons do not hold.
            UltralifError: Lava failed or took too long.
        """
        inputs = self.program.check_inputs(inputs)
        steps, batch, _ = inputs.shape
        if steps > self.program.timesteps:  # registers are proved for fewer timesteps
            self._registers(replace(self.program, timesteps=steps))
        with tempfile.TemporaryDirectory(prefix="ultralif-") as temporary:
            given, found = Path(temporary) / "inputs.npy", Path(temporary) / "outputs.npz"
            np.save(given, inputs)
            latest = max(p["depth"] for p in self.network["populations"])
            self._call(given, found, START_S + TIMESTEP_S * batch * (steps + latest))
            with np.load(found, allow_pickle=False) as file:
                outputs = dict(file)
        self.held = {
            name.removeprefix("executed."): array
            for name, array in outputs.items()
            if name.startswith("executed.")
        }
        spikes = {p.name: outputs[f"spikes.{p.name}"] for p in self.program.populations if p.spikes}
        counts = count_events(self.program, inputs, spikes)
        return Trace(outputs["logits"], counts, spikes if record else None)

    def _call(self, given: Path, found: Path, limit_s: float) -> None:
        command = [lava_python(), str(self.directory / LAVA_RUN), str(given), str(found)]
        printed, errors = (given.parent / name for name in ("printed.txt", "errors.txt"))
        with (
            printed.open("w") as output,
            errors.open("w") as error,
            # Lava starts more processes; all of them are ended together.
            subprocess.Popen(
                command, stdout=output, stderr=error, cwd=given.parent, start_new_session=True
            ) as process,
        ):
            end, ended = time.monotonic() + limit_s, False
            try:
                while not ended and time.monotonic() < end:
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(POLL_S)
                        ended = True
                    self._tell(printed)
            finally:
                with contextlib.suppress(ProcessLookupError):  # where all have ended
                    os.killpg(process.pid, signal.SIGKILL)
        if process.returncode or not found.is_file():
            why = _exception(errors) or f"exit code {process.returncode}"
            if time.monotonic() >= end:
                why = f"no result within {limit_s:.0f} s; use fewer samples"
            raise UltralifError(f"{self.network['flavour']}: {why}")

    def _tell(self, printed: Path) -> None:
        done = re.findall(r"^(\d+) of \d+ samples$", printed.read_text("utf-8", "replace"), re.M)
        if done:
            self.on_sample(int(done[-1]))


def _exception(errors: Path) -> str | None:
    """The last exception that a process of Lava printed."""
    text = errors.read_text("utf-8", "replace")
    lines = re.findall(r"^[\w.]*(?:Error|Exception)\b.*$", text, re.MULTILINE)
    return lines[-1] if lines else None
