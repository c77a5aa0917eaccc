"""Settings that a file cannot hold, and where each value came from."""

from collections.abc import Mapping
from typing import Any, TypeVar

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.findings.findings import Finding
from ultralif_deploy.schema.report import Setting

T = TypeVar("T", int, float, str, bool)

AMBIGUOUS = "ambiguous"
"""Kind of the findings that `--strict` refuses: a default that changes the result."""


class Assumptions:
    """A record {name: {value, source}}; sources: option, checkpoint, file name, data, default.

    Attributes:
        findings: what is uncertain about these values, the first noticed first.
    """

    def __init__(self) -> None:
        self._entries: dict[str, Setting] = {}
        self.findings: list[Finding] = []

    def warn(self, kind: str, text: str, remedy: str = "") -> None:
        """Record a warning as a `Finding`.

        Args:
            kind: a key that tests and tools can look for.
            text: what was found, in one sentence.
            remedy: what the user can do; empty where nothing is known.
        """
        self.findings.append(Finding(kind, text, remedy))

    def add(self, name: str, value: str | int | float | bool, source: str) -> None:
        """Record a value and its source.

        Args:
            name: of the setting.
            value: what was chosen.
            source: where it came from: option, checkpoint, file name, data or default.
        """
        self._entries[name] = {"value": value, "source": source}

    def warn_of_default(self, name: str, text: str, confirm: str) -> None:
        """Record that a setting which changes the result was guessed, if it was.

        Args:
            name: of the setting.
            text: why it had to be.
            confirm: the option that settles it, with the value that was taken.
        """
        if self.is_default(name):
            value = self._entries[name]["value"]
            self.warn(AMBIGUOUS, f"{text}; {value} is assumed", f"{confirm} confirms it")

    def choose(
        self,
        name: str,
        option: T | None,
        stored: Mapping[str, Any],
        hints: Mapping[str, Any],
        default: T,
        *,
        kind: type[T],
        hint_source: str = "file name",
    ) -> T:
        """Take the first of option, stored setting, hint and default; record which.

        Args:
            name: of the setting.
            option: what the user gave; None where nothing was given.
            stored: settings that the file holds, by name.
            hints: settings that are read from elsewhere, by name; they count after `stored`.
            default: what counts where nothing else tells.
            kind: type to which the value is converted; a float may be given as an int.
            hint_source: where `hints` come from, for the record.

        Raises:
            UltralifError: a stored value has the wrong type.
        """
        sources = (
            (option, "option"),
            (stored.get(name), "checkpoint"),
            (hints.get(name), hint_source),
            (default, "default"),
        )
        value, source = next((value, source) for value, source in sources if value is not None)
        accepted = (int, float) if kind is float else kind
        if not isinstance(value, accepted) or (kind is not bool and isinstance(value, bool)):
            raise UltralifError(f"{name} = {value!r} ({source}); expected {kind.__name__}")
        try:
            chosen = kind(value)
        except OverflowError as error:
            raise UltralifError(f"{name} ({source}) is too large for a {kind.__name__}") from error
        self.add(name, chosen, source)
        return chosen

    def value(self, name: str) -> str | int | float | bool | None:
        """What was chosen; None where nothing was."""
        return self._entries[name]["value"] if name in self._entries else None

    def is_default(self, name: str) -> bool:
        """Whether a default was taken."""
        return name in self._entries and self._entries[name]["source"] == "default"

    def as_dict(self) -> dict[str, Setting]:
        """The record, in the order in which the values were chosen."""
        return dict(self._entries)
