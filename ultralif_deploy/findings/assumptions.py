"""Settings that a file cannot hold, and where each value came from.

Functions that settle something return it with an `Assumptions`, a frozen record of what they chose
and what is uncertain about it. Whoever calls several of them joins their records.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.findings.findings import Finding
from ultralif_deploy.schema.report import Setting

T = TypeVar("T", int, float, str, bool)
V = TypeVar("V", bound=str | int | float | bool, covariant=True)

AMBIGUOUS = "ambiguous"
"""Kind of the findings that `--strict` refuses: a default that changes the result."""

DEFAULT = "default"
"""Origin of a value that neither the user nor a file gave."""


@dataclass(frozen=True, slots=True)
class Chosen(Generic[V]):
    """The value of a setting, and where it came from.

    Attributes:
        name: name of the setting.
        value: value that was chosen.
        origin: origin of the value: option, checkpoint, file name, data or default.
    """

    name: str
    value: V
    origin: str

    @property
    def is_default(self) -> bool:
        """Whether nothing told the value."""
        return self.origin == DEFAULT

    def doubts(self, text: str, confirm: str) -> tuple[Finding, ...]:
        """That a setting which changes the result was guessed, if it was.

        Args:
            text: why it had to be.
            confirm: the option that settles it, with the value that was taken.
        """
        if not self.is_default:
            return ()
        return (Finding(AMBIGUOUS, f"{text}; {self.value} is assumed", f"{confirm} confirms it"),)

    def recorded(self, findings: Iterable[Finding] = ()) -> "Assumptions":
        """The record of this setting alone, with what is uncertain about it."""
        return Assumptions((self,), tuple(findings))


@dataclass(frozen=True, slots=True)
class Assumptions:
    """Settings with their origins, and what is uncertain about them.

    Attributes:
        chosen: settings in the order of the choices; of two with one name, the later counts.
        findings: findings in the order in which they were noticed.
    """

    chosen: tuple[Chosen[str | int | float | bool], ...] = ()
    findings: tuple[Finding, ...] = ()

    def is_default(self, name: str) -> bool:
        """Whether a setting is recorded, and nothing told its value."""
        entry = self.as_dict().get(name)
        return entry is not None and entry["source"] == DEFAULT

    def as_dict(self) -> dict[str, Setting]:
        """Value and origin by name, in the order in which the names first came."""
        return {one.name: {"value": one.value, "source": one.origin} for one in self.chosen}


def joined(*records: Assumptions) -> Assumptions:
    """One record of several, in their order."""
    return Assumptions(
        tuple(one for record in records for one in record.chosen),
        tuple(one for record in records for one in record.findings),
    )


def choose(
    name: str,
    option: T | None,
    stored: Mapping[str, Any],
    hints: Mapping[str, Any],
    default: T,
    *,
    kind: type[T],
    hint_origin: str = "file name",
) -> Chosen[T]:
    """The first of option, stored setting, hint and default.

    Args:
        name: name of the setting.
        option: value that the user gave; None where nothing was given.
        stored: settings that the file holds, by name.
        hints: settings that are read from elsewhere, by name; they count after `stored`.
        default: value that counts where nothing else states one.
        kind: type to which the value is converted; a float may be given as an int.
        hint_origin: origin of `hints`, for the record.

    Raises:
        UltralifError: a stored value has the wrong type.
    """
    told = (
        (option, "option"),
        (stored.get(name), "checkpoint"),
        (hints.get(name), hint_origin),
        (default, DEFAULT),
    )
    value, origin = next((value, origin) for value, origin in told if value is not None)
    accepted = (int, float) if kind is float else kind
    if not isinstance(value, accepted) or (kind is not bool and isinstance(value, bool)):
        raise UltralifError(f"{name} = {value!r} ({origin}); expected {kind.__name__}")
    try:
        return Chosen(name, kind(value), origin)
    except OverflowError as error:
        raise UltralifError(f"{name} ({origin}) is too large for a {kind.__name__}") from error
