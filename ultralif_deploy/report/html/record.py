"""Sections on how the result was made: placement, back ends, exports, passes and settings."""

import json

from ultralif_deploy.report.html.page import Section, Table, cell, columns
from ultralif_deploy.report.summary import passes_note
from ultralif_deploy.report.words import percent, whole
from ultralif_deploy.schema.report import Report


def placement_section(report: Report) -> Section:
    """Cores of each population on the chips."""
    rows = []
    for result in report["backends"].values():
        placement = result["facts"].get("placement")
        if placement is None:
            continue
        for name, p in placement["populations"].items():
            worst = " (the fullest)" if name == placement["worst_core"] else ""
            rows.append(
                (
                    cell(placement["chip"]),
                    cell(name + worst),
                    cell(p["cores"]),
                    cell(p["neurons_per_core"]),
                    cell(p["memory_bits"], f"{p['memory_bits'] / 8192:.1f} KiB"),
                    cell(p["memory_share"], percent(p["memory_share"])),
                    cell(p["input_axons"]),
                    cell(p["output_axons"]),
                    cell(p["depth"]),
                )
            )
    if not rows:
        return Section("placement", "Placement", (("The program was placed on no chip.",),))
    figures = ("#neurons", "#memory", "#of the core", "#axons in", "#axons out", "#late by")
    named = columns("chip", "population", "#cores", *figures)
    words = ("Cores of each population, in figures of its fullest core.",)
    return Section("placement", "Placement", (words,), tables=(Table("Cores", named, tuple(rows)),))


def back_ends_section(report: Report) -> Section:
    """The result of each back end, and the back ends that did not run."""
    verdicts = []
    for name, r in report["backends"].items():
        found = "exact" if r["exact"] else f"differs: {r['difference']}"
        style = "good" if r["exact"] else "bad"
        verdicts.append((cell(name), cell(found, style=style), cell(r["samples"])))
    tables = [
        Table(
            "Compared with the reference, spike for spike",
            columns("back end", "verdict", "#samples"),
            tuple(verdicts),
        )
    ]
    if report["backends_not_run"]:
        rows = [
            (cell(name), cell(reason["why"]), cell(reason["message"]))
            for name, reason in report["backends_not_run"].items()
        ]
        tables.append(Table("Not run", columns("back end", "why", "in full"), tuple(rows)))
    return Section("back-ends", "Back ends", tables=tuple(tables))


def exports_section(report: Report) -> Section:
    """The files that were written, with checksums, and the exports that were refused."""
    exports, program = report["exports"], report["program"]
    files = [("program", program["file"], program["sha256"])]
    for target, form in exports["written"].items():
        files += [(target, file, digest) for file, digest in form["sha256"].items()]
    rows = [(cell(a), cell(b, style="code"), cell(c, style="code whole")) for a, b, c in files]
    tables = [Table("Files", columns("form", "file", "SHA-256"), tuple(rows))]
    if exports["refused"]:
        refused = [(cell(target), cell(reason)) for target, reason in exports["refused"].items()]
        tables.append(Table("Refused", columns("form", "why"), tuple(refused)))
    return Section("exports", "Exports", tables=tuple(tables))


def passes_section(report: Report) -> Section:
    """Size of the network and its operations after each pass."""
    rows = []
    for row in report["passes"]:
        costs = row["neurons"], row["parameters"], row["dense_operations"]
        rows.append((cell(row["pass"]), *(cell(cost, whole(cost)) for cost in costs)))
    named = columns("after the pass", "#neurons", "#parameters", "#operations")
    words = ("Every pass keeps all spikes. ", passes_note(report))
    tables = (Table("One pass after another", named, tuple(rows)),)
    return Section("passes", "Passes", (words,), tables=tables)


def assumed_section(report: Report) -> Section:
    """Every setting with its origin."""
    rows = [
        (cell(name), cell(str(entry["value"])), cell(entry["source"]))
        for name, entry in report["assumed"].items()
    ]
    table = Table("Settings", columns("setting", "value", "from"), tuple(rows))
    return Section("assumed", "Everything assumed", tables=(table,))


def again_section(report: Report) -> Section:
    """What is needed to repeat the deployment, and to check its certificate."""
    data, program = report["data"], report["program"]
    command = report["command"] or "ultralif_deploy.deploy, called from Python"
    rows = [
        ("command", command),
        ("ultralif-deploy", report["ultralif_deploy"]),
        ("report format", report["version"]),
        ("data", f"{data['name']}, {data['test_split']}, {data['samples']} samples"),
        ("seed", data["seed"]),
        ("program.nir, SHA-256", program["sha256"]),
        ("check the certificate", "ultralif verify --certificate certificate.json"),
    ]
    compiled = report["backends"].get("c")
    if compiled is not None and compiled["facts"]:
        rows.append(("C program", json.dumps(compiled["facts"], sort_keys=True)))
    cells = tuple((cell(name), cell(str(value), style="code")) for name, value in rows)
    words = (
        "certificate.json holds digests of the weights as each back end executed them, of the "
        "inputs and of every spike; vectors.npz beside it holds the inputs and spikes themselves. "
        "It is written when all back ends agree.",
    )
    table = Table("To do it again", columns("what", "value"), cells)
    return Section("again", "Reproduce and check", (words,), tables=(table,))
