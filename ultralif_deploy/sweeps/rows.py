"""What the points of a sweep cost and what they reach, read from their reports."""

import itertools
from collections.abc import Mapping
from pathlib import Path

from ultralif_deploy.exporters.nir.programs import read_nir
from ultralif_deploy.io.files import read_json
from ultralif_deploy.report.files import REPORT_FILE
from ultralif_deploy.schema.report import Report
from ultralif_deploy.schema.studies.sweep import SweptPart, SweptPoint
from ultralif_deploy.sweeps.points import Values
from ultralif_deploy.verify.accuracy.front import undominated
from ultralif_deploy.verify.certificate import PROGRAM_FILE


def row(directory: Path, values: Values) -> tuple[SweptPoint, Report]:
    """The figures of a point, and its report.

    Args:
        directory: directory of the point.
        values: values of the options that vary.
    """
    report: Report = read_json(directory / REPORT_FILE)
    accuracy, energy = report["accuracy"], report["energy"]
    labelled = accuracy["integer"] is not None
    point: SweptPoint = {
        "values": dict(values),
        "verdict": report["verdict"],
        "accuracy": accuracy["integer"],
        "soft": accuracy["soft"],
        "gap": accuracy["gap_soft_integer"] if labelled else None,
        "gap_ci95": accuracy["gap_ci95"] if labelled else None,
        "synaptic_operations": energy["synaptic_operations_per_inference"],
        "weight_bytes": read_nir(directory / PROGRAM_FILE).weight_bits // 8,
        "joules": {name: d["per_inference_j"] for name, d in energy["devices"].items()},
        "latency_s": {
            name: None if "refused" in chip else chip["seconds"]
            for name, chip in energy["chips"].items()
        },
        "fpga": _fpga(report),
        "on_front": False,
        "best": False,
    }
    return point, report


def _fpga(report: Report) -> SweptPart | None:
    """Figures of the part of --part; None without one."""
    on = report.get("hardware")
    if on is None:
        return None
    found = on["synthesized"]
    return {
        "part": on["part"],
        "refused": on["refused"],
        "luts": None if found is None else found["luts"],
        "flip_flops": None if found is None else found["flip_flops"],
        "block_rams": None if found is None else found["block_rams"],
        "dsps": None if found is None else found["dsps"],
        "fmax_hz": None if found is None else found["fmax_hz"],
        "latency_s": None if found is None else found["latency_s"],
    }


def judged(points: Mapping[str, SweptPoint], within: float) -> dict[str, SweptPoint]:
    """The same points with those on the front and the best one marked.

    A point is on the front if no other is at least as good in accuracy, energy and memory and
    better in one of them. The best one costs least among those that lose at most `within`
    percentage points to the most accurate one. Points whose verdict is no are neither.

    Args:
        points: rows by name.
        within: percentage points.
    """
    device = deciding_device(points)
    found = {
        name: costs(one, device)
        for name, one in points.items()
        if one["verdict"] != "no" and one["accuracy"] is not None
    }
    front = set(itertools.compress(found, undominated(list(found.values()))))
    highest = min((loss for loss, *_ in found.values()), default=0.0)
    near = [name for name in front if found[name][0] <= highest + within / 100 + 1e-12]
    best = min(near, key=lambda name: (*found[name][1:], found[name][0], name), default=None)
    return {
        name: {**one, "on_front": name in front, "best": name == best}
        for name, one in points.items()
    }


def deciding_device(points: Mapping[str, SweptPoint]) -> str | None:
    """The first device that has a figure for every point; None if there is none."""
    rows = list(points.values())
    names = rows[0]["joules"] if rows else {}
    return next(
        (name for name in names if all(r["joules"].get(name) is not None for r in rows)), None
    )


def costs(point: SweptPoint, device: str | None) -> tuple[float, float, float]:
    """Negative accuracy, joules and bytes: all to be small.

    Args:
        point: a point with labels.
        device: device of the joules; None takes synaptic operations instead.
    """
    joules = point["synaptic_operations"] if device is None else point["joules"][device]
    assert joules is not None
    assert point["accuracy"] is not None
    return (-point["accuracy"], joules, float(point["weight_bytes"]))
