"""Every export target and every back end by name: what writes, what runs, what it needs."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ultralif_deploy.errors import Missing, UltralifError
from ultralif_deploy.program import Program
from ultralif_deploy.simulators import fast, reference
from ultralif_deploy.simulators.trace import Executable, Trace

Write = Callable[[Program, Path], tuple[Path, ...]]
"""Writes a program's form into a directory, whole or not at all; returns the files.

Raises `Refused` where the target cannot express the program exactly.
"""


def _nothing() -> None:
    return None


@dataclass(frozen=True, slots=True)
class BackEnd:
    """One way to execute a program.

    Attributes:
        load: makes a program ready; a back end with an artefact reads it from the directory.
        artefact: name of the exporter whose files are executed, or None.
        missing: what is not installed here, or None.
    """

    load: Callable[[Program, Path], Executable]
    artefact: str | None = None
    missing: Callable[[], Missing | None] = _nothing


def _in_memory(load: Callable[[Program], Executable]) -> BackEnd:
    return BackEnd(lambda program, _: load(program))


EXPORTERS: dict[str, Write] = {}
"""Forms other than NIR by the name that `export --to` uses; each is a directory of that name."""

BACK_ENDS: dict[str, BackEnd] = {
    "reference": _in_memory(reference.load),
    "fast": _in_memory(fast.load),
}
"""Every back end by the name that `simulate --on` uses."""


def back_end(name: str) -> BackEnd:
    """The back end of a name.

    Raises:
        UltralifError: there is none.
    """
    if name not in BACK_ENDS:
        raise UltralifError(f"back end {name!r}; available: {', '.join(BACK_ENDS)}")
    return BACK_ENDS[name]


def write_artefact(name: str, program: Program, directory: Path) -> tuple[Path, ...]:
    """Write what a back end executes below a directory; nothing for one that has no artefact.

    Raises:
        Refused: the target cannot express the program exactly.
    """
    artefact = back_end(name).artefact
    return () if artefact is None else EXPORTERS[artefact](program, directory / artefact)


def load_written(name: str, program: Program, directory: Path) -> Executable:
    """Make ready what `write_artefact` wrote.

    Raises:
        Missing: a tool that the back end needs is not installed.
    """
    chosen = back_end(name)
    if (missing := chosen.missing()) is not None:
        raise missing
    return chosen.load(program, directory / (chosen.artefact or ""))


def load_on(name: str, program: Program) -> Executable:
    """Make a program ready on a back end; its artefact lives as long as the result.

    Raises:
        UltralifError: unknown back end.
        Missing: a tool that the back end needs is not installed.
        Refused: the back end cannot express the program exactly.
    """
    if back_end(name).artefact is None:
        return load_written(name, program, Path())
    return _Temporary(name, program)


class _Temporary:
    """An executable and the temporary directory of its artefact."""

    def __init__(self, name: str, program: Program) -> None:
        self.directory = tempfile.TemporaryDirectory(prefix="ultralif-")
        write_artefact(name, program, Path(self.directory.name))
        self.executable = load_written(name, program, Path(self.directory.name))

    def executed(self) -> dict[str, np.ndarray]:
        return self.executable.executed()

    def describe(self) -> dict[str, Any]:
        return self.executable.describe()

    def run(self, inputs: np.ndarray, record: bool = False) -> Trace:
        return self.executable.run(inputs, record)
