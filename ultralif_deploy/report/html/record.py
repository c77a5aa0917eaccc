"""Sections on how the result was made: back ends, exports, passes and settings."""

from urllib.parse import quote

from ultralif_deploy.report.html.page import Cell, Section, Table, cell, columns
from ultralif_deploy.report.summary import passes_note
from ultralif_deploy.report.words import whole
from ultralif_deploy.schema.report import Report


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
    rows = [
        (cell(form), _linked(file), cell(digest, style="code whole"))
        for form, file, digest in files
    ]
    named = columns("form", "file", "SHA-256")
    tables = [Table("Files", named, tuple(rows), elsewhere="certificate.json")]
    if exports["refused"]:
        refused = [(cell(target), cell(reason)) for target, reason in exports["refused"].items()]
        tables.append(Table("Refused", columns("form", "why"), tuple(refused)))
    return Section("exports", "Exports", tables=tuple(tables))


def _linked(file: str) -> Cell:
    """A file beside the page, as a link; `./` keeps a name from being read as an address."""
    return Cell(file, file, "code", f"./{quote(file)}")


def passes_section(report: Report) -> Section:
    """Size of the network and its operations after each pass."""
    rows = []
    for row in report["passes"]:
        costs = row["neurons"], row["parameters"], row["dense_operations"]
        rows.append((cell(row["pass"]), *(cell(cost, whole(cost)) for cost in costs)))
    named = columns(
        "after the pass", "#neurons", "#weights and biases", "#operations of non-zero weights"
    )
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
    if compiled is not None and "flash_bytes" in compiled["facts"]:
        facts = compiled["facts"]
        rows.append(
            (
                "C program",
                f"{whole(facts['code_bytes'])} bytes of code, {whole(facts['const_bytes'])} of "
                f"constants, {whole(facts['ram_bytes'])} of state",
            )
        )
    cells = tuple((cell(name), cell(str(value), style="code")) for name, value in rows)
    words = (
        "certificate.json holds digests of the weights as each back end executed them, of the "
        "inputs and of every spike. vectors.npz holds the inputs and the spikes themselves. Both "
        "are written only if all back ends agree.",
    )
    table = Table("To do it again", columns("what", "value"), cells)
    return Section("again", "Reproduce and check", (words,), tables=(table,))
