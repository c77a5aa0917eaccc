"""Limits of neuromorphic chips, each with what it covers, its source and how sure it is.

`mark` is V for read in source text, S for quoted by a secondary source, none for assumed here.
"""

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import Any


@dataclass(frozen=True, slots=True)
class Chip:
    """One chip.

    Attributes:
        name: name of the chip, as in `simulate --on`.
        description: description in words.
        limits: limits by name; None where none is published.
        sources: source of each limit, by name.
    """

    name: str
    description: str
    limits: dict[str, float | None]
    sources: dict[str, str]

    def limit(self, name: str) -> int | None:
        """A limit as a whole number, None where there is none."""
        value = self.limits.get(name)
        return None if value is None else int(value)

    def need(self, name: str) -> int:
        """A limit that the chip's file must hold."""
        value = self.limit(name)
        assert value is not None, f"{self.name}: {name}"
        return value


def chip(name: str) -> Chip:
    """Read `NAME.toml` of this package."""
    content: dict[str, Any] = tomllib.loads(files(__name__).joinpath(f"{name}.toml").read_text())
    entries = content["limits"]
    return Chip(
        name,
        content["description"],
        {k: None if isinstance(e["value"], str) else e["value"] for k, e in entries.items()},
        {k: e["source"] for k, e in entries.items()},
    )
