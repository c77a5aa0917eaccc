"""Words and rows for the content of sweep.json."""

import csv
import io

from ultralif_deploy.report.words import Format, joule, percent, whole
from ultralif_deploy.schema.studies.sweep import Sweep, SweptPart, SweptPoint

PART_COLUMNS = ("LUT", "block RAM", "MHz", "µs on the FPGA")
"""Columns of points that were placed on an FPGA."""


def where_measured(content: Sweep) -> str:
    """Which samples the figures are of, and what that means for a choice."""
    split, samples = content["split"], content["samples"]
    said = f"Measured on {whole(samples)} samples of {content['data']} ({split})."
    if "training samples" in split:
        return f"{said} The test samples chose nothing."
    return (
        f"{said} The best of many points is better on the samples that chose it than on others; "
        "--split validation chooses on training samples."
    )


def cost(content: Sweep, point: SweptPoint) -> float:
    """What the front counts as cost: joules, or operations where no device has all figures."""
    device = content["device"]
    found = None if device is None else point["joules"][device]
    return point["synaptic_operations"] if found is None else found


def cost_words(content: Sweep, value: float) -> str:
    """The cost with its unit."""
    return f"{whole(value)} operations" if content["device"] is None else joule(value)


def best_words(content: Sweep) -> str:
    """Which point is best, and by which rule."""
    rule = (
        f"the least {'operations' if content['device'] is None else 'energy'} among those that "
        f"lose at most {content['within']:g} points to the most accurate one"
    )
    for name, one in content["points"].items():
        if one["best"]:
            spent = cost_words(content, cost(content, one))
            return f"{name}: {percent(one['accuracy'])}, {spent}. It needs {rule}."
    return "None: no point with labels deploys."


def has_parts(content: Sweep) -> bool:
    """Whether points were placed on an FPGA."""
    return any(one["fpga"] is not None for one in content["points"].values())


def part_words(point: SweptPoint) -> tuple[tuple[float | None, str], ...]:
    """Figures of a point on its FPGA with their words, as `PART_COLUMNS`."""
    found = point["fpga"]
    names = ("luts", "block_rams", "fmax_hz", "latency_s")
    values = [None if found is None else found[name] for name in names]  # type: ignore[literal-required]
    scales: tuple[tuple[float, Format], ...] = (
        *((1, whole), (1, whole)),
        *((1e-6, "{:.0f}".format), (1e6, "{:.1f}".format)),
    )
    scaled = [
        (None if value is None else value * scale, written)
        for value, (scale, written) in zip(values, scales, strict=True)
    ]
    return tuple((value, "–" if value is None else written(value)) for value, written in scaled)


def sweep_csv(content: Sweep) -> str:
    """One line for each point, with all of its figures."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    points = content["points"]
    first = next(iter(points.values()))
    devices, chips = list(first["joules"]), list(first["latency_s"])
    on_part = [key for key in SweptPart.__annotations__ if has_parts(content)]
    writer.writerow(
        (
            *("point", *content["vary"], "verdict", "accuracy", "soft", "gap"),
            *("synaptic_operations", "weight_bytes", *(f"joules {name}" for name in devices)),
            *(f"latency_s {name}" for name in chips),
            *(*(f"fpga {key}" for key in on_part), "on_front", "best"),
        )
    )
    for name, one in points.items():
        writer.writerow(
            (
                *(name, *one["values"].values(), one["verdict"]),
                *(one["accuracy"], one["soft"], one["gap"]),
                *(one["synaptic_operations"], one["weight_bytes"]),
                *(one["joules"].get(device) for device in devices),
                *(one["latency_s"].get(chip) for chip in chips),
                *(None if one["fpga"] is None else dict(one["fpga"])[key] for key in on_part),
                *(one["on_front"], one["best"]),
            )
        )
    return text.getvalue()
