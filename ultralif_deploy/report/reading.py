"""Reads a report.json as untrusted input: every value is checked when it is read."""

import os
import reprlib
from pathlib import Path
from typing import Any

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.io.files import read_json
from ultralif_deploy.io.printable import shortened
from ultralif_deploy.io.swap import refuse_unfinished
from ultralif_deploy.report.files import REPORT_FILE
from ultralif_deploy.report.json_report import VERSION

"""Largest size of a report; larger files are refused."""

LONGEST_SHOWN = 60
"""Most characters of a name or value in an error message."""

WRITE_AGAIN = "write it again with `ultralif deploy` or `ultralif verify`"


class ReportReader:
    """Reads values of a report by their paths, sequences of keys.

    Attributes:
        file: the file that was read.
        report: its content.

    Raises:
        UltralifError: in every method, if the value is missing or is not of the expected kind.
    """

    def __init__(self, path: str | Path) -> None:
        """Open a report.json, or the one in the directory that `deploy` or `verify` wrote.

        Raises:
            UltralifError: the file is missing, too large, not JSON, or no report of this version.
        """
        self.file = _report_file(Path(path))
        report = read_json(self.file)
        if not isinstance(report, dict) or "version" not in report or "energy" not in report:
            raise UltralifError(
                f"{self.file}: not a report of ultralif deploy or verify ({REPORT_FILE})"
            )
        if report["version"] != VERSION or isinstance(report["version"], bool):
            raise UltralifError(
                f"{self.file}: version is not {VERSION}, the only one that is read; {WRITE_AGAIN}"
            )
        self.report: dict[str, Any] = report

    def table(self, *path: str) -> dict[str, Any]:
        """The object at a path."""
        value = self._at(path)
        if not isinstance(value, dict):
            raise self._refused(path, value, "an object")
        return value

    def rows(self, *path: str) -> list[Any]:
        """The list at a path."""
        value = self._at(path)
        if not isinstance(value, list):
            raise self._refused(path, value, "a list")
        return value

    def text(self, *path: str) -> str:
        """The string at a path."""
        value = self._at(path)
        if not isinstance(value, str):
            raise self._refused(path, value, "text")
        return value

    def figure(self, *path: str) -> float | None:
        """The finite number at a path; None for null."""
        value = self._at(path)
        return None if value is None else self._number(path, value, "a number or null")

    def number(self, *path: str) -> float:
        """The finite number at a path."""
        return self._number(path, self._at(path), "a number")

    def interval(self, *path: str) -> tuple[float, float] | None:
        """The two finite numbers at a path; None for null."""
        value = self._at(path)
        if value is None:
            return None
        if not isinstance(value, list) or len(value) != 2:
            raise self._refused(path, value, "two numbers or null")
        low, high = (self._number(path, end, "two numbers or null") for end in value)
        return low, high

    def _number(self, path: tuple[str, ...], value: Any, expected: str) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._refused(path, value, expected)
        if not abs(value) < 1e300:  # false for NaN too
            raise self._refused(path, value, "a finite number")
        return value

    def _at(self, path: tuple[str, ...]) -> Any:
        value: Any = self.report
        for done, key in enumerate(path):
            if not isinstance(value, dict):
                raise self._refused(path[:done], value, "an object")
            if key not in value:
                raise UltralifError(
                    f"{self.file}: {_dotted(path[: done + 1])} is missing; not a whole report of "
                    f"this version: {WRITE_AGAIN}"
                )
            value = value[key]
        return value

    def _refused(self, path: tuple[str, ...], value: Any, expected: str) -> UltralifError:
        found = f"{type(value).__name__} {in_words(value)!r}"
        return UltralifError(f"{self.file}: {_dotted(path)} is {found}; expected {expected}")


def in_words(value: Any) -> str:
    """Any JSON value as short text, however long or deep it is."""
    return shortened(value if isinstance(value, str) else reprlib.repr(value), LONGEST_SHOWN)


def _dotted(path: tuple[str, ...]) -> str:
    return ".".join(shortened(key, LONGEST_SHOWN) for key in path)


def _report_file(path: Path) -> Path:
    """The path itself, or report.json in it if it is a directory."""
    refuse_unfinished(path if os.path.isdir(path) else path.parent)
    if not os.path.isdir(path):
        return path
    if not os.path.lexists(path / REPORT_FILE):
        raise UltralifError(
            f"{path}: no {REPORT_FILE} in this directory; expected one that ultralif deploy or "
            "verify wrote (-o)"
        )
    return path / REPORT_FILE
