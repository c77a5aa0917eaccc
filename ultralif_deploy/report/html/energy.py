"""Sections on energy: by layer and cause, by device, sensitivity, networks without spikes."""

from ultralif_deploy.report.html.drawing.charts import (
    Row,
    bar,
    dot,
    linear_axis,
    log_axis,
    rows_figure,
    span,
    stacked,
)
from ultralif_deploy.report.html.page import Figure, Section, Table, cell, columns
from ultralif_deploy.report.prices import Price, price, prices
from ultralif_deploy.report.words import constant, joule, significant, whole, without_energy
from ultralif_deploy.schema.energy import Device
from ultralif_deploy.schema.report import Report

CAUSES = ("compute", "weight memory", "state memory", "addressing", "network", "neuron", "idle")
"""Causes of energy, in the order of their colours."""

PLACES, CONSTANTS = 12, 6
"""How many places and constants are drawn for a device at most; the largest are chosen."""


def layers_energy(report: Report) -> Section:
    """For each device the energy of one inference by layer, stacked by cause."""
    devices = report["energy"]["devices"]
    figures, whole_only = [], []
    for name, device in devices.items():
        known = price(device)
        if known is None:
            continue
        if set(device["by_place"]) <= {"chip"}:
            whole_only.append(name)
        else:
            figures.append(_by_place(name, device, known))
    words: tuple[str, ...] = (
        "Energy of one inference. Rows with an arrow are projections, the others populations. ",
    )
    if whole_only:
        words += (f"Not drawn, because the model has no parts: {', '.join(whole_only)}. ",)
    words += ("energy.csv holds the same figures.",)
    return Section("layer-energy", "Energy by layer", (words,), tuple(figures))


def _by_place(name: str, device: Device, known: Price) -> Figure:
    """A chart of a device's energy: a row for each place, with bars by cause."""
    places = device["by_place"]
    dynamic = {p: sum(v for c, v in parts.items() if c != "idle") for p, parts in places.items()}
    axis = linear_axis(max(dynamic.values(), default=0.0), joule, "energy of one inference")
    drawn = sorted(places, key=lambda place: -sum(places[place].values()))[:PLACES]
    rows, causes = [], dict.fromkeys(c for c in CAUSES if c in device["by_cause_j"])
    for place in (place for place in places if place in drawn):
        parts = places[place]
        marked = [
            (f"c{CAUSES.index(c)}", parts[c], f"{c}: {joule(parts[c])}")
            for c in CAUSES
            if c in parts
        ]
        value = joule(dynamic[place])
        if "idle" in parts:
            value += f", idle {joule(parts['idle'])}"
        rows.append(Row(place, value, (stacked(marked, axis),)))
    note = "" if len(drawn) == len(places) else f"The {PLACES} largest of {len(places)} places."
    idle = device["idle_per_inference_j"]
    if idle is not None and "idle" in causes and idle > max(dynamic.values(), default=0.0):
        note += " Idle power exceeds the axis, and its bar is cut off."
    return rows_figure(
        f"{name}: {joule(known.nominal)}",
        f"Energy of one inference on {name} by place and cause. "
        + "; ".join(f"{row.label}: {row.value}" for row in rows),
        rows,
        axis,
        tuple((f"c{CAUSES.index(cause)}", cause) for cause in causes),
        note.strip(),
    )


def devices_section(report: Report) -> Section:
    """Devices and energy models in comparison, with the ranges of their estimates."""
    devices = report["energy"]["devices"]
    priced = prices(devices)
    figures = (_devices(priced, devices),) if priced else ()
    words = (
        "Estimates of one inference without idle power. Published: constants as their makers "
        "published them; fitted: constants fitted to measurements; estimated: a model of costs.",
    )
    tables = (_device_table(devices), _models(devices), _constants(devices))
    return Section("devices", "Devices and models", (words,), figures, tables)


def _devices(priced: dict[str, Price], devices: dict[str, Device]) -> Figure:
    """A chart of the estimates of all devices, the smallest first."""
    drawn = [joules for known in priced.values() for joules in known]
    axis = log_axis(drawn, joule, "energy of one inference")
    rows = []
    for name, (nominal, low, high) in sorted(priced.items(), key=lambda item: item[1].nominal):
        badge = devices[name]["badge"]
        track = (
            span(axis.place(low), axis.place(high), "range"),
            dot(axis.place(nominal), badge, f"{joule(nominal)} ({badge})"),
        )
        value = joule(nominal)
        if low != high:
            value += f" ({joule(low)} – {joule(high)})"
        rows.append(Row(name, value, (track,)))
    return rows_figure(
        "Energy of one inference",
        "A dot for each device or model, a line from its low to its high estimate, on a "
        "logarithmic axis. " + "; ".join(f"{row.label}: {row.value}" for row in rows),
        rows,
        axis,
        tuple((badge, badge) for badge in ("published", "fitted", "estimated")),
        "Lines reach from the low to the high figures of the sources.",
    )


def _device_table(devices: dict[str, Device]) -> Table:
    rows = []
    for name, d in devices.items():
        unknown = without_energy(d["not_published"])
        energies = [
            cell(joules, unknown if joules is None else joule(joules))
            for joules in price(d) or (None, None, None)
        ]
        idle = d["idle_per_inference_j"]
        rows.append(
            (
                cell(name),
                cell(d["badge"], style=f"badge {d['badge']}"),
                *energies,
                cell(idle, "no figure" if idle is None else joule(idle)),
                cell(d["description"]),
            )
        )
    names = ("#energy", "#low", "#high", "#idle", "what it is")
    return Table("Devices and models", columns("name", "figures", *names), tuple(rows))


def _models(devices: dict[str, Device]) -> Table:
    rows = []
    for name, d in devices.items():
        missing = f"not published: {', '.join(d['not_published'])}" if d["not_published"] else ""
        left_out = "; ".join(text for text in (missing, d["not_covered"], d["note"]) if text)
        rows.append((cell(name), cell(d["equation"], style="code"), cell(left_out or "–")))
    title = "What each model counts"
    return Table(title, columns("name", "equation", "not covered"), tuple(rows))


def _constants(devices: dict[str, Device]) -> Table:
    rows = []
    for name, device in devices.items():
        for key, c in device["constants"].items():
            figure = cell(c["value"], constant(c))
            rows.append((cell(name), cell(key), figure, cell(c["covers"]), cell(c["source"])))
    names = columns("device", "constant", "#value", "covers", "source")
    title = "Every constant, with its source"
    return Table(title, names, tuple(rows), elsewhere="report.json")


def sensitivity_section(report: Report) -> Section:
    """How much each constant changes the estimate of a device."""
    devices = report["energy"]["devices"]
    words = (
        "Each bar shows the estimates while one constant goes from its low to its high published "
        "value. A constant with a single published value is halved and doubled (hatched). The "
        "line is the estimate.",
    )
    priced = prices(devices)
    figures = tuple(
        _tornado(name, devices[name], known)
        for name, known in priced.items()
        if devices[name]["sensitivity"]
    )
    return Section("sensitivity", "What the estimates depend on", (words,), figures)


def _tornado(name: str, device: Device, known: Price) -> Figure:
    """A tornado chart: a bar for each constant, over the estimates that its range leads to."""
    bars = device["sensitivity"][:CONSTANTS]
    largest = max(b["high_per_inference_j"] for b in bars)
    axis = linear_axis(largest, joule, "energy of one inference")
    nominal = axis.place(known.nominal)
    rows = []
    for b in bars:
        low, high = b["low_per_inference_j"], b["high_per_inference_j"]
        text = f"{joule(low)} – {joule(high)}"
        style = "deployed" if b["range"] == "published" else "guessed"
        marks = (
            bar(
                axis.place(low), axis.place(high), style, f"{b['constant']}: {text} ({b['range']})"
            ),
            bar(nominal - 0.002, nominal + 0.002, "nominal", joule(known.nominal)),
        )
        rows.append(Row(b["constant"], text, (marks,)))
    left = len(device["sensitivity"]) - len(bars)
    return rows_figure(
        name,
        f"Estimate for {name} as one constant moves, the largest first. "
        + "; ".join(f"{row.label}: {row.value}" for row in rows),
        rows,
        axis,
        (("deployed", "published range"), ("guessed", "halved and doubled")),
        f"{left} smaller ones are in report.json." if left else "",
    )


PRICED = "yan2024"
"""The device whose constants price networks without spikes."""


def reference_section(report: Report) -> Section:
    """Comparison with the same layers without spikes, and with published break-even figures."""
    energy = report["energy"]
    even = energy["break_even"]
    baselines = [
        (
            cell(b["description"]),
            cell(b["operations"], whole(b["operations"])),
            cell(
                b["per_inference_j"],
                "not published" if b["per_inference_j"] is None else joule(b["per_inference_j"]),
            ),
        )
        for b in energy["baselines"].values()
    ]
    references = [
        (
            cell(r["source"]),
            cell(r["meaning"]),
            cell(
                r["low"],
                f"{r['low']:g}" if r["low"] == r["high"] else f"{r['low']:g} – {r['high']:g}",
            ),
            cell(even[r["measure"]], significant(even[r["measure"]])),
        )
        for r in even["references"]
    ]
    priced = energy["devices"].get(PRICED)
    spiking = None if priced is None else priced["per_inference_j"]
    operations = energy["synaptic_operations_per_inference"]
    if spiking is not None:
        named = (cell("this program, with spikes"), cell(operations, whole(operations)))
        baselines.insert(0, (*named, cell(spiking, joule(spiking))))
    return Section(
        "without-spikes",
        "Against networks without spikes",
        tables=(
            Table(
                f"The same layers without spikes, priced as in {PRICED}",
                columns("network", "#operations", "#energy"),
                tuple(baselines),
            ),
            Table(
                "Published break-even figures",
                columns("source", "what it says", "#limit", "#this network"),
                tuple(references),
            ),
        ),
    )
