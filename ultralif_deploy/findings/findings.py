"""Findings: what a user must know about a deployment before trusting it."""

from dataclasses import dataclass
from typing import Final

from ultralif_deploy.schema import report as schema
from ultralif_deploy.schema.values import Severity

NOTE: Final = "note"
"""Worth knowing; it does not change the verdict."""

WARNING: Final = "warning"
"""A result may not be what the user's own framework computes, or something was lost."""

FAILURE: Final = "failure"
"""The program does not do what the network does."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report's warnings.

    Attributes:
        kind: a key that tests and tools can look for, as `ambiguous` or `silent-population`.
        text: the finding, in one sentence.
        remedy: remedy for the user, as an option or a command; empty where none is known.
        severity: `NOTE`, `WARNING` or `FAILURE`.
    """

    kind: str
    text: str
    remedy: str = ""
    severity: Severity = WARNING

    def as_dict(self) -> schema.Finding:
        """Plain values for report.json."""
        return {
            "kind": self.kind,
            "text": self.text,
            "remedy": self.remedy,
            "severity": self.severity,
        }

    def __str__(self) -> str:
        return f"{self.text}; {self.remedy}" if self.remedy else self.text
