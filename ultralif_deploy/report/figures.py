"""The figures of the HTML report, each from the content of report.json."""

import math
from typing import Any

from markupsafe import Markup

from ultralif_deploy.energy.models.rows import CAUSES
from ultralif_deploy.report import svg
from ultralif_deploy.report.svg import LINE, WIDTH
from ultralif_deploy.report.words import before, joule, percent

LEVELS = 10
"""Grey levels of soft spikes."""


def sweep(report: dict[str, Any]) -> Markup | None:
    """Accuracy over ε, and the deployed point; None without labels or a soft network."""
    points = [p for p in report.get("epsilon_sweep", []) if p["accuracy"] is not None]
    if not points:
        return None
    integer = report["accuracy"]["integer"]
    values = [p["accuracy"] for p in points] + [integer]
    low, high = min(values), max(values)
    low, high = low - 0.1 * (high - low) - 0.002, high + 0.1 * (high - low) + 0.002
    left, right, top, bottom = 52.0, 14.0, 10.0, 150.0
    step = (WIDTH - left - right) / len(points)

    def place(index: float, accuracy: float) -> tuple[float, float]:
        return left + step * (index + 0.5), bottom - (accuracy - low) / (high - low) * (
            bottom - top
        )

    parts = []
    for share in (0.0, 0.5, 1.0):
        accuracy = low + share * (high - low)
        y = place(0, accuracy)[1]
        parts.append(svg.line(left, y, WIDTH - right, y, "grid"))
        parts.append(svg.text(left - 6, y + 4, f"{100 * accuracy:.1f} %", "small", "end"))
    line = [place(i, p["accuracy"]) for i, p in enumerate(points)]
    parts.append(svg.polyline(line, "stroke-soft"))
    for (x, y), point in zip(line, points, strict=True):
        shown = f"ε = {point['epsilon']:.4g}: {percent(point['accuracy'])}"
        parts.append(svg.circle(x, y, 3.5, "fill-soft", shown))
        parts.append(svg.text(x, bottom + 16, f"{point['epsilon']:.3g}", "small", "middle"))
    x, y = place(len(points) - 1, integer)
    parts.append(svg.circle(x, y, 5.5, "fill-integer", f"integer: {percent(integer)}"))
    parts.append(
        svg.text((left + WIDTH) / 2, bottom + 32, "ε of the soft network", "small", "middle")
    )
    names, height = svg.legend(
        [("fill-soft", "soft network"), ("fill-integer", "deployed integers")], bottom + 42
    )
    text = f"from {percent(points[0]['accuracy'])} as trained to {percent(points[-1]['accuracy'])}"
    text += f" at ε = 0; the deployed integers reach {percent(integer)}"
    return svg.figure("Accuracy over ε", text, bottom + 42 + height, [*parts, *names])


def rates(report: dict[str, Any]) -> Markup:
    """Spike rates by population, before and after."""
    kind = before(report)
    populations = report["populations"]
    room = svg.label_width(populations)
    parts, y = [], 4.0
    for name, p in populations.items():
        parts.append(svg.text(room - 6, y + 15, svg.shortened(name, room), "label", "end"))
        for row, (style, rate) in enumerate(
            (
                (f"fill-{kind}", p.get(f"spike_rate_{kind}")),
                ("fill-integer", p["spike_rate_integer"]),
            )
        ):
            if rate is not None:
                width = (WIDTH - room - 56) * rate
                top = y + 10 * row
                parts.append(svg.rect(room, top, width, 9, style, f"{name}: {rate:.4f}"))
                parts.append(svg.text(room + width + 4, top + 8, f"{rate:.3f}", "small"))
        y += LINE + 6
    names, height = svg.legend([(f"fill-{kind}", kind), ("fill-integer", "integer")], y + 4)
    text = "; ".join(f"{n}: {p['spike_rate_integer']:.3f}" for n, p in populations.items())
    return svg.figure("Spikes per neuron and timestep", text, y + 4 + height, [*parts, *names])


def raster(name: str, drawn: dict[str, Any], kind: str) -> Markup:
    """Spikes of one sample: soft values as grey levels beside hard spikes as marks."""
    steps = len(drawn["integer"][0])
    neurons = len(drawn["shown"])
    width = (WIDTH - 24) / 2
    cell = min(width / steps, 12.0), max(3.0, min(10.0, 200.0 / neurons))
    parts = []
    for panel, (key, title) in enumerate((("before", kind), ("integer", "integer"))):
        left = panel * (width + 24)
        parts.append(svg.text(left, 10, title, "label"))
        parts.append(svg.rect(left, 16, cell[0] * steps, cell[1] * neurons, "panel"))
        levels: dict[int, list[tuple[float, float]]] = {}
        for row, values in enumerate(drawn[key]):
            for step, value in enumerate(values):
                level = min(LEVELS, round(LEVELS * max(0.0, float(value))))
                if level:
                    place = left + step * cell[0], 16 + row * cell[1]
                    levels.setdefault(level, []).append(place)
        for level, places in sorted(levels.items()):
            size = max(0.5, cell[0] - 0.6), max(0.5, cell[1] - 0.6)
            parts.append(svg.cells(places, size, f"mark level-{level}"))
    height = 16 + cell[1] * neurons + 4
    shown = (
        f"{neurons} of {drawn['neurons']} neurons over {steps} of {drawn['timesteps']} timesteps"
    )
    return svg.figure(f"Spikes of one sample, {name}", shown, height, parts)


def by_place(name: str, device: dict[str, Any]) -> Markup:
    """Energy of one inference by projection and population, stacked by cause; idle apart."""
    places = {
        place: {c: j for c, j in parts.items() if c != "idle"}
        for place, parts in device["by_place"].items()
    }
    places = {place: parts for place, parts in places.items() if sum(parts.values()) > 0}
    most = max((sum(parts.values()) for parts in places.values()), default=1.0)
    room = svg.label_width(places)
    parts, y = [], 2.0
    for place, causes in places.items():
        x = room
        parts.append(svg.text(room - 6, y + 14, svg.shortened(place, room), "label", "end"))
        for cause in CAUSES:
            if joules := causes.get(cause, 0.0):
                width = (WIDTH - room - 62) * joules / most
                hover = f"{place}, {cause}: {joule(joules)}"
                parts.append(svg.rect(x, y + 3, width, LINE - 8, _cause(cause), hover))
                x += width
        parts.append(svg.text(x + 4, y + 14, joule(sum(causes.values())), "small"))
        y += LINE
    used = [c for c in CAUSES if any(causes.get(c) for causes in places.values())]
    names, height = svg.legend([(_cause(c), c) for c in used], y + 4)
    text = "; ".join(f"{p}: {joule(sum(c.values()))}" for p, c in places.items())
    return svg.figure(f"Energy per layer, {name}", text, y + 4 + height, [*parts, *names])


def devices(energy: dict[str, Any]) -> Markup | None:
    """All devices on one logarithmic axis, with the range of their constants."""
    known = {n: d for n, d in energy["devices"].items() if d["per_inference_j"]}
    if not known:
        return None
    ends = [d[f"{end}_per_inference_j"] for d in known.values() for end in ("low", "high")]
    ends = [end for end in ends if end > 0]
    least, most = math.floor(math.log10(min(ends))), math.ceil(math.log10(max(ends)))
    most = max(most, least + 1)
    room = svg.label_width(known)

    def place(joules: float) -> float:
        share = (math.log10(max(joules, 10.0**least)) - least) / (most - least)
        return room + 8 + share * (WIDTH - room - 24)

    parts, y = [], 4.0
    height = y + LINE * len(known)
    for power in range(least, most + 1):
        x = place(10.0**power)
        parts.append(svg.line(x, y, x, height, "grid"))
        parts.append(svg.text(x, height + 14, joule(10.0**power), "small", "middle"))
    for name, d in known.items():
        low, nominal, high = (
            d[k] for k in ("low_per_inference_j", "per_inference_j", "high_per_inference_j")
        )
        middle = y + LINE / 2
        hover = f"{name}: {joule(nominal)}, {joule(low)} to {joule(high)}, {d['badge']}"
        parts.append(svg.text(room - 6, middle + 4, svg.shortened(name, room), "label", "end"))
        parts.append(svg.line(place(low), middle, place(high), middle, "range"))
        parts.append(svg.circle(place(nominal), middle, 5, f"badge-{d['badge']}", hover))
        y += LINE
    names, tall = svg.legend(
        [(f"badge-{b}", b) for b in dict.fromkeys(d["badge"] for d in known.values())], y + 24
    )
    text = "; ".join(f"{n}: {joule(d['per_inference_j'])}" for n, d in known.items())
    return svg.figure("Energy of one inference", text, y + 24 + tall, [*parts, *names])


def tornado(name: str, device: dict[str, Any]) -> Markup | None:
    """How far each constant moves the total; None where there is none."""
    bars = device["sensitivity"]
    if not bars:
        return None
    nominal = device["per_inference_j"]
    least = min(b["low_per_inference_j"] for b in bars)
    most = max(b["high_per_inference_j"] for b in bars)
    room = svg.label_width(b["constant"] for b in bars)
    scale = (WIDTH - room - 12) / max(most - least, 1e-30)
    parts, y = [], 2.0
    for bar in bars:
        low, high = bar["low_per_inference_j"], bar["high_per_inference_j"]
        style = "fill-integer" if bar["range"] == "published" else "fill-soft"
        hover = f"{bar['constant']}, {bar['range']}: {joule(low)} to {joule(high)}"
        label = svg.shortened(bar["constant"], room)
        parts.append(svg.text(room - 6, y + 14, label, "label", "end"))
        parts.append(
            svg.rect(
                room + (low - least) * scale, y + 3, (high - low) * scale, LINE - 8, style, hover
            )
        )
        y += LINE
    x = room + (nominal - least) * scale
    parts.append(svg.line(x, 0, x, y, "nominal"))
    for value, at, anchor in ((least, room, "start"), (most, WIDTH - 12, "end")):
        parts.append(svg.text(at, y + 12, joule(value), "small", anchor))
    entries = [("fill-integer", "published"), ("fill-soft", "halved and doubled")]
    kinds = {b["range"] for b in bars}
    names, height = svg.legend([e for e in entries if e[1] in kinds], y + 20)
    text = f"{bars[0]['constant']} matters most; the line marks {joule(nominal)}"
    return svg.figure(f"Sensitivity, {name}", text, y + 20 + height, [*parts, *names])


def _cause(cause: str) -> str:
    return f"cause-{CAUSES.index(cause)}"
