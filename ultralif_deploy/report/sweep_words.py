"""Words and rows for the content of sweep.json."""

import csv
import io

from ultralif_deploy.report.words import joule, percent, whole
from ultralif_deploy.schema.studies.sweep import Sweep, SweptPoint


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


def sweep_csv(content: Sweep) -> str:
    """One line for each point, with all of its figures."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    points = content["points"]
    first = next(iter(points.values()))
    devices, chips = list(first["joules"]), list(first["latency_s"])
    writer.writerow(
        (
            *("point", *content["vary"], "verdict", "accuracy", "soft", "gap"),
            *("synaptic_operations", "weight_bytes", *(f"joules {name}" for name in devices)),
            *(*(f"latency_s {name}" for name in chips), "on_front", "best"),
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
                *(one["on_front"], one["best"]),
            )
        )
    return text.getvalue()
