"""The section on the FPGA: resources, clock, latency, activity, and published designs beside it."""

from ultralif_deploy.report.html.page import Section, Table, cell, columns
from ultralif_deploy.report.words import RESOURCES, percent, whole
from ultralif_deploy.schema.hardware.synthesis import OnPart, Synthesized
from ultralif_deploy.schema.report import Report


def fpga_section(report: Report) -> Section | None:
    """What the program takes on the part of --part, and what it does there."""
    on = report.get("hardware")
    if on is None:
        return None
    if on["synthesized"] is None:
        return Section("fpga", "On the FPGA", ((f"{on['device']}: {on['refused']}.",),))
    found = on["synthesized"]
    words = (
        "The Verilog in verilog/ with a serial interface of 10 pins. yosys counted the cells, "
        "nextpnr placed them and estimated the clock. Cycles and activity were counted in a "
        "simulation. No tool here computes the power, so there is no figure of energy."
    )
    tables = (_figures(on, found), _activity(found), _published(found))
    return Section("fpga", "On the FPGA", ((words,),), tables=tuple(filter(None, tables)))


def _figures(on: OnPart, found: Synthesized) -> Table:
    """Resources, and clock and cycles with what follows from them."""
    shown = [
        *((name, found[key], whole(found[key]), "") for name, key in RESOURCES),  # type: ignore[literal-required]
        *(
            (f"{name} placed", used, whole(used), f"of {found['available'][name]:,}")
            for name, used in found["used"].items()
        ),
        ("highest clock", found["fmax_hz"], f"{found['fmax_hz'] / 1e6:.1f}", "MHz"),
    ]
    cycles, latency, each = found["cycles"], found["latency_s"], found["inferences_per_s"]
    if cycles is not None and latency is not None and each is not None:
        of = f"of {cycles['samples']} samples"
        shown += [
            ("cycles of an inference, mean", cycles["mean"], whole(cycles["mean"]), of),
            ("cycles of an inference, worst", cycles["max"], whole(cycles["max"]), of),
            ("latency at that clock, mean", latency, f"{1e6 * latency:.1f}", "µs"),
            ("inferences at that clock", each, whole(each), "in a second"),
        ]
    rows = tuple((cell(name), cell(value, text), cell(of)) for name, value, text, of in shown)
    tools = ", ".join(found["tools"].values())
    return Table(on["device"], columns("quantity", "#value", "unit"), rows, f"Tools: {tools}.")


def _activity(found: Synthesized) -> Table | None:
    """Counted events of every population."""
    activity = found["activity"]
    if activity is None:
        return None
    named = columns("population", "#lanes", "#spikes", "#words of weights", "#cycles at work")
    rows = tuple(
        (
            cell(name),
            cell(found["lanes"][name]),
            cell(p["spikes"], f"{p['spikes']:,.1f}"),
            cell(p["weight_words"], f"{p['weight_words']:,.1f}"),
            cell(p["busy"], percent(p["busy"])),
        )
        for name, p in activity["populations"].items()
    )
    note = (
        f"Mean of one inference, in which {activity['input_events']:,.1f} input events cause "
        f"{activity['synaptic_operations']:,.1f} synaptic operations. A word holds a weight for "
        "every lane. Cycles at work: those in which a population adds weights or updates neurons, "
        "where samples follow at once."
    )
    return Table("Activity, counted in the simulation", named, rows, note)


def _published(found: Synthesized) -> Table:
    """Designs of others, with what is not like for like."""
    names = ("design", "network", "device", "resources", "#latency", "#power", "source", "unlike")
    rows = tuple(
        (
            cell(name),
            cell(d["network"]),
            cell(d["device"]),
            cell(d["resources"]),
            cell(d["latency_s"], f"{1e6 * d['latency_s']:,.0f} µs"),
            cell(d["power_w"], None if d["power_w"] is None else f"{1e3 * d['power_w']:.0f} mW"),
            cell(d["source"]),
            cell(d["unlike"]),
        )
        for name, d in found["published"].items()
    )
    note = "Figures as their authors published them. They are no measure of this design's power."
    return Table("Published designs, not like for like", columns(*names), rows, note)
