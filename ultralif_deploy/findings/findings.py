"""What a user must know about a deployment before trusting it, gathered where it is noticed."""

from dataclasses import asdict, dataclass
from typing import Any

NOTE = "note"
"""Worth knowing; the verdict does not hang on it."""

WARNING = "warning"
"""A result may not be what the user's own framework computes, or something was lost."""

FAILURE = "failure"
"""The program does not do what the network does."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report's warnings.

    Attributes:
        kind: a key that tests and tools can look for, as `ambiguous` or `silent-population`.
        text: what was found, in one sentence.
        remedy: what the user can do, as an option or a command; empty where nothing is known.
        severity: `NOTE`, `WARNING` or `FAILURE`.
    """

    kind: str
    text: str
    remedy: str = ""
    severity: str = WARNING

    def as_dict(self) -> dict[str, Any]:
        """Plain values for report.json."""
        return asdict(self)

    def __str__(self) -> str:
        return f"{self.text}; {self.remedy}" if self.remedy else self.text
