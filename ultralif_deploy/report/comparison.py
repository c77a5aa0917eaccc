"""Compares two deployments by their report.json files, which are untrusted."""

import math
from dataclasses import dataclass
from pathlib import Path

from ultralif_deploy.io.printable import shortened
from ultralif_deploy.program.graph import INPUT
from ultralif_deploy.report.reading import ReportReader, in_words
from ultralif_deploy.report.words import RESOURCES, Ranged, constant, without_energy
from ultralif_deploy.schema.commands import ComparedFigure, ComparedReports, Group

NOT_MEASURED = "not measured"

SAMPLES = ("name", "test_split", "samples", "timesteps", "encoding", "seed", "gain", "normalize")
"""Settings that determine the samples and their spikes. If they differ, samples are not paired."""

LATENCY = "latency, seconds"
"""The row of the group `hardware` that is no count."""

PART = "part"
"""The condition that two programs lie on different FPGAs."""

CHIPS = ("loihi1", "loihi2")
"""Back ends that place a program on neuron cores."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """A figure of one report.

    Attributes:
        value: the figure, or None.
        missing: the reason if there is none.
        ci95: 95 % interval of the value, if the report has one.
    """

    value: float | None
    missing: str = NOT_MEASURED
    ci95: tuple[float, float] | None = None


Figures = dict[Group, dict[str, Quantity]]


def compare_reports(first: str | Path, second: str | Path) -> ComparedReports:
    """Compare accuracy, spikes, operations, energy, cores and code sizes of two deployments.

    Args:
        first: a report.json, or the directory that holds it.
        second: the other report.json, or its directory.

    Returns:
        `files` are the two files that were read.

        `conditions` are the conditions that differ, as pairs of words by name. Settings of the
        samples (`SAMPLES`) are among them, because differences are paired only if samples are
        equal. A `device` in both reports is listed if its constants differ, or if only one of the
        programs was placed on it.

        Every group has a row for each quantity: `first`, `second`, `difference` (second minus
        first) and, except for accuracies, `ratio` (second divided by first). A figure that a report
        lacks is None, and `missing` gives the reason. The difference is None unless both figures
        are there, and the ratio also if the first is 0. `ci95` holds the ends of intervals.
        Accuracies are fractions, gaps are percentage points, and energies are joules per inference
        without idle power.

    Raises:
        UltralifError: a file is missing, too large, not JSON, or no report of this version; or a
            quantity in it is missing or not a finite number.
    """
    a, b = ReportReader(first), ReportReader(second)
    figures_a, figures_b = _figures(a), _figures(b)

    def rows(group: Group) -> dict[str, ComparedFigure]:
        of_a, of_b = figures_a[group], figures_b[group]
        names = dict.fromkeys((*of_a, *of_b))
        return {name: _row(group, of_a.get(name), of_b.get(name)) for name in names}

    return {
        "files": [str(a.file), str(b.file)],
        "conditions": _other_samples(a, b) | _other_devices(a, b) | _other_parts(a, b),
        "accuracy": rows("accuracy"),
        "spike rate": rows("spike rate"),
        "spikes": rows("spikes"),
        "operations": rows("operations"),
        "energy": rows("energy"),
        "placement": rows("placement"),
        "hardware": rows("hardware"),
        "size": rows("size"),
    }


def _row(group: Group, a: Quantity | None, b: Quantity | None) -> ComparedFigure:
    """A row of two figures; a report without a quantity of this name has None."""
    absent = Quantity(None, "no such population" if group == "spike rate" else NOT_MEASURED)
    a, b = a or absent, b or absent
    first, second = a.value, b.value
    difference, ratio = None, None
    if first is not None and second is not None:
        difference, ratio = second - first, _ratio(first, second)
    row: ComparedFigure = {"first": first, "second": second, "difference": difference}
    if group != "accuracy":
        row["ratio"] = ratio
    if first is None or second is None:
        why_a, why_b = (None if q.value is not None else q.missing for q in (a, b))
        row["missing"] = {"first": why_a, "second": why_b}
    if a.ci95 is not None or b.ci95 is not None:
        row["ci95"] = {"first": a.ci95, "second": b.ci95}
    return row


def _ratio(first: float, second: float) -> float | None:
    ratio = second / first if first else math.inf
    return ratio if math.isfinite(ratio) else None


def _other_samples(a: ReportReader, b: ReportReader) -> dict[str, list[str]]:
    """Settings of the samples and their encoding that differ, by name."""
    first, second = _samples(a), _samples(b)
    return {name: [first[name], second[name]] for name in SAMPLES if first[name] != second[name]}


def _samples(read: ReportReader) -> dict[str, str]:
    assumed = read.table("assumed")
    settings = {k: v.get("value") for k, v in assumed.items() if isinstance(v, dict)}
    found = settings | read.table("data")
    given = {name: found.get(name) for name in SAMPLES}
    return {k: "not set" if v is None else in_words(v) for k, v in given.items()}


def _other_devices(a: ReportReader, b: ReportReader) -> dict[str, list[str]]:
    """Devices in both reports that turn counts into joules differently, and how each does it."""
    found = {}
    for name in a.table("energy", "devices").keys() & b.table("energy", "devices").keys():
        first, second = _device(a, name), _device(b, name)
        names = [k for k in sorted(first | second) if first.get(k) != second.get(k)]
        if names:
            texts = (
                ", ".join(f"{shortened(k)} {side.get(k, 'not published')}" for k in names)
                for side in (first, second)
            )
            found[f"device {name}"] = [shortened(text, 200) for text in texts]
    return dict(sorted(found.items()))


def _other_parts(a: ReportReader, b: ReportReader) -> dict[str, list[str]]:
    """The FPGA of each report, where both name one and they differ."""
    if not all("hardware" in read.table() for read in (a, b)):
        return {}
    first, second = (shortened(read.text("hardware", "part")) for read in (a, b))
    return {} if first == second else {PART: [first, second]}


def _device(read: ReportReader, device: str) -> dict[str, str]:
    """What turns counts into joules, in words: model, constants, and whether hops were counted."""
    path = ("energy", "devices", device)
    found = {"model": shortened(read.text(*path, "model"))}
    found["program"] = "not placed" if read.text(*path, "note") else "placed"
    for name in read.table(*path, "constants"):
        at = (*path, "constants", name)
        value = read.figure(*at, "value")
        low, high = (None if value is None else read.number(*at, k) for k in ("low", "high"))
        unit = shortened(read.text(*at, "unit"))
        width = read.figure(*at, "access_bits")
        entry: Ranged = {"value": value, "low": low, "high": high, "unit": unit}
        found[name] = constant(entry) + ("" if width is None else f" per {width:g} bits")
    return found


def _figures(read: ReportReader) -> Figures:
    """The figures of one report, by group and name; the reader checks types and ranges."""

    def figure(*path: str) -> Quantity:
        return Quantity(read.figure(*path))

    return {
        "accuracy": _accuracy(read),
        "spike rate": {
            name: figure("populations", name, "spike_rate_integer")
            for name in read.table("populations")
        },
        "spikes": _spikes(read),
        "operations": {
            "synaptic, per inference": figure("energy", "synaptic_operations_per_inference"),
            "dense, per inference": figure("energy", "dense_operations_per_inference"),
        },
        "energy": {name: _energy(read, name) for name in read.table("energy", "devices")},
        "placement": {
            f"{chip}, {what}": _placed(read, chip, key)
            for chip in CHIPS
            for key, what in (("cores", "neuron cores"), ("chips", "chips"))
        },
        "hardware": _hardware(read),
        "size": {
            "parameters": figure("program", "parameters"),
            "neurons": figure("program", "neurons"),
            "bits per weight": figure("program", "bits_per_weight"),
            "timesteps": figure("program", "timesteps"),
            "C, bytes of code and constants": _compiled(read, "flash_bytes"),
            "C, bytes of state": _compiled(read, "ram_bytes"),
        },
    }


def _accuracy(read: ReportReader) -> dict[str, Quantity]:
    """Accuracies; `as trained` is the soft network, or the float network without one."""
    return {
        "as trained": Quantity(read.figure("accuracy", "soft")),
        "hard": Quantity(read.figure("accuracy", "hard")),
        "integer": Quantity(read.figure("accuracy", "integer")),
        "gap, points": Quantity(
            read.figure("accuracy", "gap_soft_integer"), ci95=read.interval("accuracy", "gap_ci95")
        ),
    }


def _spikes(read: ReportReader) -> dict[str, Quantity]:
    """Spikes in one inference, of the input and of all neurons: values other than 0."""
    counts = ("energy", "counts")
    totals = {k: read.number(*counts, "spikes", k) for k in read.table(*counts, "spikes")}
    samples = max(1, read.number(*counts, "samples"))
    given = totals.pop(INPUT, 0.0)
    return {
        "of the input, per inference": Quantity(given / samples),
        "of neurons, per inference": Quantity(sum(totals.values()) / samples),
    }


def _energy(read: ReportReader, device: str) -> Quantity:
    path = ("energy", "devices", device)
    why = without_energy(read.rows(*path, "not_published"))
    return Quantity(read.figure(*path, "per_inference_j"), why)


def _placed(read: ReportReader, chip: str, key: str) -> Quantity:
    """Number of cores or chips, from the back end, or else from the energy model's placed run."""
    chips = read.table("energy", "chips")
    if chip in read.table("backends"):
        return Quantity(read.figure("backends", chip, "facts", "placement", key))
    if chip in chips and "refused" not in read.table("energy", "chips", chip):
        return Quantity(read.figure("energy", "chips", chip, key))
    refused = chip in chips or (
        chip in read.table("backends_not_run")
        and read.text("backends_not_run", chip, "why") == "refused"
    )
    return Quantity(None, "not placed" if refused else NOT_MEASURED)


def _hardware(read: ReportReader) -> dict[str, Quantity]:
    """Figures on the FPGA of --part; no rows without one."""
    if "hardware" not in read.table():
        return {}
    at = ("hardware", "synthesized")
    names = {name: (*at, key) for name, key in RESOURCES} | {
        "logic cells": (*at, "logic_cells"),
        "highest clock, Hz": (*at, "fmax_hz"),
        "cycles of an inference, mean": (*at, "cycles", "mean"),
        "cycles of an inference, worst": (*at, "cycles", "max"),
        LATENCY: (*at, "latency_s"),
        "inferences in a second": (*at, "inferences_per_s"),
    }
    if read.table("hardware").get("refused") is not None:
        return dict.fromkeys(names, Quantity(None, f"refused by {read.text('hardware', 'part')}"))
    return {name: Quantity(read.figure(*path)) for name, path in names.items()}


def _compiled(read: ReportReader, key: str) -> Quantity:
    """A figure of the compiled C; None if no C ran, or if no tool could read its sizes."""
    facts = ("backends", "c", "facts")
    if "c" not in read.table("backends") or key not in read.table(*facts):
        return Quantity(None)
    return Quantity(read.figure(*facts, key))
