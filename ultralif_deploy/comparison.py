"""Two deployments side by side, from their report.json files, which are untrusted."""

import math
from pathlib import Path
from typing import Any

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.files import read_json, readable_file
from ultralif_deploy.report.json_report import VERSION

MAX_BYTES = 64 << 20
"""What a report may have; larger files are no reports."""


def compare_reports(first: str | Path, second: str | Path) -> dict[str, Any]:
    """Accuracy, spike rates, operations, energy and sizes of two deployments, and differences.

    Returns:
        `files`; `conditions` that differ, as pairs of values by name, with which differences are
        not those of paired samples; and per group and quantity `first`, `second` and
        `difference`, second minus first. None stands where a report has no figure; there is a
        difference only of two figures. Accuracies are fractions, gaps percentage points, energies
        joules per inference.

    Raises:
        UltralifError: a file is no report: missing, too large, not JSON, another version, a
            quantity missing or not a finite number.
    """
    readers = [_Reader(_read(Path(path)), str(path)) for path in (first, second)]
    a, b = map(_figures, readers)
    conditions = [_conditions(read) for read in readers]
    return {
        "files": [str(first), str(second)],
        "conditions": {
            name: [value, conditions[1][name]]
            for name, value in conditions[0].items()
            if value != conditions[1][name]
        },
        **{
            group: {
                name: _side_by_side(a[group].get(name), b[group].get(name))
                for name in dict.fromkeys((*a[group], *b[group]))
            }
            for group in a
        },
    }


def _side_by_side(first: float | None, second: float | None) -> dict[str, float | None]:
    both = first is not None and second is not None
    difference = second - first if both else None  # type: ignore[operator]
    return {"first": first, "second": second, "difference": difference}


def _read(path: Path) -> dict[str, Any]:
    size = readable_file(path).stat().st_size
    if size > MAX_BYTES:
        raise UltralifError(f"{path}: {size:,} bytes; a report has at most {MAX_BYTES:,}")
    report = read_json(path)
    if not isinstance(report, dict) or "version" not in report or "energy" not in report:
        raise UltralifError(f"{path}: not a report of ultralif deploy or verify (report.json)")
    if report["version"] != VERSION or isinstance(report["version"], bool):
        raise UltralifError(f"{path}: version is not {VERSION}, the only one that is read")
    return report


def _conditions(read: "_Reader") -> dict[str, str]:
    """On what a report was measured: the data and how they became spikes, in words."""
    data, assumed = read.table("data"), read.table("assumed")
    settings = {k: v.get("value") for k, v in assumed.items() if isinstance(v, dict)}
    keys = ("name", "test_split", "samples", "timesteps", "encoding", "seed")
    return {k: str(data.get(k))[:100] for k in keys} | {
        k: str(settings.get(k))[:100] for k in ("gain", "normalize")
    }


def _figures(read: "_Reader") -> dict[str, dict[str, float | None]]:
    """What is compared, by group and name; the checks of types and ranges are in `_Reader`."""
    before = "soft" if "checkpoint" in read.report else "float"
    facts = ("backends", "c", "facts")
    compiled = read.table("backends").get("c") is not None and read.table(*facts)
    return {
        "accuracy": {
            "as trained": read.figure("accuracy", before),
            "integer": read.figure("accuracy", "integer"),
            "gap, points": read.figure("accuracy", f"gap_{before}_integer"),
        },
        "spike rate": {
            name: read.figure("populations", name, "spike_rate_integer")
            for name in read.table("populations")
        },
        "operations": {
            "synaptic, per inference": read.figure("energy", "synaptic_operations_per_inference"),
            "dense, per inference": read.figure("energy", "dense_operations_per_inference"),
        },
        "energy": {
            name: read.figure("energy", "devices", name, "per_inference_j")
            for name in read.table("energy", "devices")
        },
        "size": {
            "parameters": read.figure("program", "parameters"),
            "neurons": read.figure("program", "neurons"),
            "bits per weight": read.figure("program", "bits_per_weight"),
            "timesteps": read.figure("program", "timesteps"),
            "C, bytes of code and constants": read.figure(*facts, "flash_bytes")
            if compiled
            else None,
            "C, bytes of state": read.figure(*facts, "ram_bytes") if compiled else None,
        },
    }


class _Reader:
    """Values of untrusted JSON at paths, checked on the way."""

    def __init__(self, report: dict[str, Any], file: str) -> None:
        self.report, self.file = report, file

    def table(self, *path: str) -> dict[str, Any]:
        """An object."""
        value = self._at(path)
        if not isinstance(value, dict):
            raise self._refused(path, value, "an object")
        return value

    def figure(self, *path: str) -> float | None:
        """A finite number, or null."""
        value = self._at(path)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._refused(path, value, "a number or null")
        if not abs(value) < 1e300 or math.isnan(value):
            raise self._refused(path, value, "a finite number")
        return value

    def _at(self, path: tuple[str, ...]) -> Any:
        value: Any = self.report
        for done, key in enumerate(path):
            if not isinstance(value, dict):
                raise self._refused(path[:done], value, "an object")
            if key not in value:
                where = ".".join(path[: done + 1])
                raise UltralifError(f"{self.file}: {where} is missing; not a whole report")
            value = value[key]
        return value

    def _refused(self, path: tuple[str, ...], value: Any, expected: str) -> UltralifError:
        found = f"{type(value).__name__} {str(value)[:40]!r}"
        return UltralifError(f"{self.file}: {'.'.join(path)} is {found}; expected {expected}")
