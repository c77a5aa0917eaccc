"""Running `ultralif` in this process, as a user would type it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from ultralif_deploy.cli.commands import main
from ultralif_deploy.data import loading

DEMO = Path(loading.__file__).parent / "digits_ultraplif.pt"
"""The embedded checkpoint."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Exit code and the two streams."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """Standard output as JSON."""
        return json.loads(self.out)


def ultralif(*arguments: object) -> Outcome:
    """Run a command; exceptions that are no exit propagate."""
    result = CliRunner().invoke(main, [str(a) for a in arguments], catch_exceptions=False)
    return Outcome(result.exit_code, result.stdout, result.stderr)


def refused(*arguments: object, code: int = 2) -> str:
    """Run a command that must end in one clear line; returns that line."""
    outcome = ultralif(*arguments)
    assert outcome.code == code, outcome
    lines = outcome.err.strip().splitlines()
    assert len(lines) == 1, outcome.err
    assert lines[0].startswith("Error: ")
    assert "Traceback" not in outcome.err
    return lines[0]


def array_of(shape: tuple[int, ...]) -> bytes:
    """A .npy file that declares uint8 of a shape and holds none of it."""
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (118 - len(header)) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
