"""The summary and tables of a deployment for a terminal; plain text if there is none."""

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from ultralif_deploy.report.choices_words import choices_texts
from ultralif_deploy.report.prices import price
from ultralif_deploy.report.summary import (
    finding_text,
    passes_note,
    summary,
    training_text,
    warnings,
)
from ultralif_deploy.report.words import (
    RESOURCES,
    expected_words,
    figure,
    joule,
    percent,
    plain,
    rate,
    weights_in_words,
    without_energy,
)
from ultralif_deploy.schema.energy import Energy
from ultralif_deploy.schema.hardware.synthesis import Synthesized
from ultralif_deploy.schema.report import Finding, Parameter, Report, Setting
from ultralif_deploy.schema.values import Severity, Verdict

SEVERITIES: dict[Severity, str] = {"note": "", "warning": "yellow", "failure": "bold red"}
"""Colours of single findings, by severity."""

COLOURS: dict[Verdict, str] = {
    "yes": "",
    "unsure": "yellow",
    "with losses": "yellow",
    "no": "bold red",
}
"""Colours of the findings above the summary, by verdict."""


def console() -> Console:
    """Standard output: 110 characters wide without a terminal, and without markup in names."""
    probe = Console(markup=False, emoji=False)
    return probe if probe.is_terminal else Console(width=110, markup=False, emoji=False)


def short_summary(report: Report, directory: str) -> RenderableType:
    """What a user wants to know first: the summary in words, and what to do next.

    Args:
        report: report of the deployment.
        directory: directory that the deployment was written to.
    """
    return Group(
        summary_text(report), _choices(report), written_files(report, directory), _next(directory)
    )


def _next(directory: str) -> Text:
    return Text(
        f"What next? Open {directory}/report.html for all figures (--verbose prints them here). "
        "Anyone can check the proof again: ultralif verify --certificate "
        f"{directory}/certificate.json"
    )


def deployment_summary(report: Report, directory: str) -> RenderableType:
    """The summary in words, and all tables of a deployment.

    Args:
        report: report of the deployment.
        directory: directory that the deployment was written to.
    """
    return Group(
        summary_text(report),
        _accuracy(report),
        _populations(report),
        _authors(report),
        _training(report),
        _choices(report),
        parameters_table(report["parameters"]),
        passes_table(report),
        back_ends_table(report),
        placement_table(report),
        energy_tables(report["energy"]),
        _fpga(report),
        assumptions_table(report["assumed"]),
        written_files(report, directory),
    )


def summary_text(report: Report) -> Text:
    """Warnings, in colour, and the summary in words, as in report.html."""
    text = Text()
    if "expected" in report:
        text.append(f"{expected_words(report['expected'])}\n")
    for warning in warnings(report):
        text.append(f"! {warning}.\n", COLOURS[report["verdict"]])
    for question, answer in summary(report).items():
        text.append(f"{question} {plain(answer)}\n")
    return text


def passes_table(report: Report) -> RenderableType:
    """Passes that changed a count, and the counts after each of them."""
    title = "Passes, and counts after each for one inference with every value non-zero"
    table = titled(title, "pass", "neurons", "parameters", "operations", left=("pass",))
    before = (-1, -1, -1)
    for row in report["passes"]:
        costs = row["neurons"], row["parameters"], row["dense_operations"]
        if costs != before:
            table.add_row(row["pass"], *(f"{value:,}" for value in costs))
        before = costs
    return Group(table, Text(f"{passes_note(report)}\n"))


def parameters_table(parameters: list[Parameter]) -> Table:
    """Meant value, stored value and error of every parameter; errors above bounds in colour."""
    title = "Parameters: for each, the entry with the largest error (gains folded into weights)"
    columns = ("population", "parameter", "meant", "stored", "error", "relative", "bound")
    table = titled(title, *columns, left=columns[:2])
    for row in parameters:
        bound = row["bound"]
        passes = bound is not None and row["relative"] > bound
        table.add_row(
            row["name"],
            row["parameter"],
            *map(figure, (row["meant"], row["stored"], row["error"])),
            f"{100 * row['relative']:.2g} %",
            "–" if bound is None else f"{100 * bound:.2g} %",
            style="yellow" if passes else "",
        )
    return table


def stored_parameters(findings: list[Finding], parameters: list[Parameter]) -> list[RenderableType]:
    """Findings, and the table of stored parameters, if there are any."""
    parts: list[RenderableType] = []
    for finding in findings:
        style = SEVERITIES[finding["severity"]]
        parts.append(Text(f"! {finding_text(finding)}.", style))
    if parameters:
        parts.append(parameters_table(parameters))
    return parts


def titled(title: str, *columns: str, left: tuple[str, ...] = ()) -> Table:
    """An empty table, its title on the left; columns are right-aligned, except those in `left`."""
    table = Table(title=title, title_justify="left", title_style="bold", min_width=len(title) + 2)
    for column in columns:
        table.add_column(column, justify="left" if column in left else "right")
    return table


def energy_tables(energy: Energy) -> RenderableType:
    """Joules per inference by device, networks without spikes for comparison, and break-even."""
    return Group(_devices_table(energy), _baselines_table(energy), _break_even(energy))


def _devices_table(energy: Energy) -> Table:
    operations = energy["synaptic_operations_per_inference"]
    title = f"Energy per inference ({operations:,.0f} synaptic operations)"
    columns = ("device", "source", "energy", "low to high", "idle", "largest part", "not covered")
    table = titled(title, *columns, left=("device", "source", "largest part", "not covered"))
    for name, device in energy["devices"].items():
        idle = device["idle_per_inference_j"]
        beside = "–" if idle is None else joule(idle)
        left_out = "; ".join(t for t in (device["not_covered"], device["note"]) if t)
        known = price(device)
        if known is None:
            missing = ", ".join(device["not_published"])
            why = f"no figure for {missing}" if missing else device["note"]
            what = without_energy(device["not_published"])
            table.add_row(name, device["badge"], what, "", beside, "", why)
            continue
        causes = {k: v for k, v in device["by_cause_j"].items() if k != "idle"}
        most = max(causes, key=lambda cause: causes[cause], default="–")
        table.add_row(
            name,
            device["badge"],
            joule(known.nominal),
            "" if known.low == known.high else f"{joule(known.low)} to {joule(known.high)}",
            beside,
            most,
            left_out,
        )
    return table


def _baselines_table(energy: Energy) -> Table:
    title = "The same layers without spikes (arithmetic and memory as in yan2024)"
    table = titled(title, "network", "operations", "energy", left=("network",))
    for baseline in energy["baselines"].values():
        joules = baseline["per_inference_j"]
        figure = "not published" if joules is None else joule(joules)
        table.add_row(baseline["description"], f"{baseline['operations']:,.0f}", figure)
    return table


def _break_even(energy: Energy) -> Text:
    found = energy["break_even"]
    limits = "; ".join(
        " to ".join(f"{x:g}" for x in dict.fromkeys((r["low"], r["high"]))) + f" ({r['source']})"
        for r in found["references"]
        if r["measure"] == "spikes_per_synapse"
    )
    return Text(
        f"{found['spikes_per_synapse']:.3g} spikes per synapse and inference, spike rate "
        f"{found['spike_rate']:.3g}; published break-even: {limits} spikes per synapse.\n"
    )


def assumptions_table(assumed: dict[str, Setting]) -> Table:
    """Every setting with its source."""
    columns = ("setting", "value", "source")
    table = titled("Settings and where they came from", *columns, left=columns)
    for name, entry in assumed.items():
        table.add_row(name, str(entry["value"]), entry["source"])
    return table


def _accuracy(report: Report) -> Table:
    data, accuracy = report["data"], report["accuracy"]
    title = (
        f"Accuracy, {data['samples']} samples of {data['name']} ({data['encoding']}, "
        f"T = {data['timesteps']}, seed {data['seed']})"
    )
    table = titled(title, "network", "ε", "accuracy", "spike rate", left=("network",))
    for point in report["epsilon_sweep"]:
        name = {1.0: "soft, as trained", 0.0: "hard, as trained"}.get(point["factor"], "soft")
        if point["samples"] < data["samples"]:
            name += f", first {point['samples']}"
        figures = percent(point["accuracy"]), rate(point["spike_rate"])
        table.add_row(name, f"{point['epsilon']:.4f}", *figures)
    if accuracy["compared"] == "float":
        table.add_row("float, as read", "0", percent(accuracy["soft"]), "")
    elif report["annealing"] != "none":
        table.add_row(f"hard, {report['annealing']}", "0", percent(accuracy["hard"]), "")
    name = f"integer, {weights_in_words(report['program'])}"
    table.add_row(name, "–", percent(accuracy["integer"]), "", style="bold")
    return table


def _populations(report: Report) -> Table:
    kind = report["accuracy"]["compared"]
    columns = ("name", "neurons", f"rate {kind}", "rate integer", f"agrees {kind}", "kept", "true")
    margins = ("margin 1 %", "median", "below 1 unit")
    title = "Populations (kept: recall, true: precision of hard spikes; margins in threshold units)"
    table = titled(title, *columns, *margins)
    table.columns[0].justify = "left"
    for name, p in report["populations"].items():
        margin = p["margin_units"]
        table.add_row(
            name,
            str(p["neurons"]),
            rate(p["spike_rate_soft"]),
            rate(p["spike_rate_integer"]),
            percent(p["agreement_integer_soft"]),
            percent(p["spikes_kept"]["recall"]),
            percent(p["spikes_kept"]["precision"]),
            f"{margin['q01']:.2g}",
            f"{margin['q50']:.3g}",
            percent(p["margin_below_one_unit"]),
        )
    return table


def _authors(report: Report) -> Text:
    """The spike rate as the authors of UltraLIF define it."""
    found = report["authors"]
    if found is None:
        return Text("", end="")
    return Text(
        f"Soft spike rate as the authors define it: mean output of a layer "
        f"{found['spike_rate']:.4f}, times T "
        f"{found['timesteps_times_spike_rate']:.4g}.\n"
    )


def _training(report: Report) -> Text:
    text = training_text(report)
    return Text(f"{text}\n") if text else Text("", end="")


def _choices(report: Report) -> Text:
    said = choices_texts(report)
    return Text("".join(f"{one}\n" for one in said), end="")


def back_ends_table(report: Report) -> Table:
    """The result of each back end."""
    columns = ("back end", "result", "samples")
    title = "Back ends, compared spike for spike with the reference"
    table = titled(title, *columns, left=columns[:2])
    for name, result in report["backends"].items():
        verdict = "exact" if result["exact"] else f"DIFFERS: {result['difference']}"
        table.add_row(name, verdict, str(result["samples"]))
    for name, reason in report["backends_not_run"].items():
        table.add_row(name, f"not run, {reason['why']}: {reason['message']}", "–")
    return table


def placement_table(report: Report) -> RenderableType:
    """Placement of each population on chips, with figures of its fullest core."""
    columns = ("chip", "population", "cores", "neurons", "memory", "axons in", "out", "late by")
    title = "Placement on cores; figures of the fullest core of each population (* fullest of all)"
    table = titled(title, *columns, left=columns[:2])
    for result in report["backends"].values():
        placement = result["facts"].get("placement")
        if placement is None:
            continue
        for name, p in placement["populations"].items():
            worst = "*" if name == placement["worst_core"] else ""
            table.add_row(
                placement["chip"],
                name + worst,
                str(p["cores"]),
                str(p["neurons_per_core"]),
                f"{p['memory_bits'] / 8192:.1f} KiB, {100 * p['memory_share']:.0f} %",
                str(p["input_axons"]),
                str(p["output_axons"]),
                str(p["depth"]),
            )
    return table if table.row_count else Text("", end="")


def fpga_tables(found: Synthesized) -> RenderableType:
    """Resources and clock on an FPGA; cycles and activity, where samples were simulated."""
    table = titled(f"On {found['device']}", "quantity", "value", left=("quantity",))
    for name, key in RESOURCES:
        table.add_row(name, f"{found[key]:,}")  # type: ignore[literal-required]
    for name, used in found["used"].items():
        table.add_row(f"{name} placed", f"{used:,} of {found['available'][name]:,}")
    table.add_row("highest clock frequency", f"{found['fmax_hz'] / 1e6:.1f} MHz")
    cycles, activity = found["cycles"], found["activity"]
    if cycles is None or found["latency_s"] is None or found["inferences_per_s"] is None:
        return Group(table, Text("Latency: give --data, whose samples are simulated for it."))
    table.add_row("cycles of an inference", f"{cycles['mean']:.0f}, at most {cycles['max']:,}")
    table.add_row("latency at that frequency", f"{found['latency_s'] * 1e6:.1f} µs")
    table.add_row("inferences at that frequency", f"{found['inferences_per_s']:,.0f} per second")
    note = (
        f"Cycles were counted in the simulation of {cycles['samples']} samples. The frequency "
        "is nextpnr's estimate. No tool here computes the power.\n"
    )
    columns = ("population", "spikes", "words of weights", "cycles at work")
    did = titled("Activity of one inference, counted in the simulation", *columns, left=columns[:1])
    for name, p in (activity or {"populations": {}})["populations"].items():
        events = f"{p['spikes']:,.1f}", f"{p['weight_words']:,.1f}"
        did.add_row(name, *events, percent(p["busy"]))
    return Group(table, Text(note), did, _published_designs(found))


def _published_designs(found: Synthesized) -> Table:
    columns = ("design", "network", "resources", "latency", "power", "not like for like")
    left = (*columns[:3], columns[-1])
    table = titled("Published designs of others (their figures)", *columns, left=left)
    for name, d in found["published"].items():
        power = "–" if d["power_w"] is None else f"{1e3 * d['power_w']:.0f} mW"
        latency = f"{1e6 * d['latency_s']:.0f} µs"
        table.add_row(name, d["network"], d["resources"], latency, power, d["unlike"])
    return table


def _fpga(report: Report) -> RenderableType:
    """The part that --part names: its figures, or why the program cannot be there."""
    found = report.get("hardware")
    if found is None:
        return Text("", end="")
    if found["synthesized"] is None:
        return Text(f"{found['device']}: {found['refused']}.\n")
    return fpga_tables(found["synthesized"])


def written_files(report: Report, directory: str) -> Text:
    """Files in the output directory, and exports that were refused."""
    forms = [f"{target}/" for target in report["exports"]["written"]]
    files = ["program.nir", *forms, "certificate.json", "vectors.npz"]
    files += ["report.html", "report.json", "energy.csv", "predictions.npz"]
    files += ["backbone.onnx"] if "backbone" in report else []
    files += [] if report["annealing"] == "none" else ["annealed.pt"]
    text = f"Written to {directory}: {', '.join(files)}"
    for target, reason in report["exports"]["refused"].items():
        text += f"\nNot exported to {target}: {reason}"
    return Text(text)
