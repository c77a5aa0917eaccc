"""A program as hardware: what the templates, the memories and the readers of them need."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ultralif_deploy.exporters.verilog.exits import MOST_TIMESTEPS, exit_unit
from ultralif_deploy.exporters.verilog.layout import Layout, bits_for, layouts, signed_bits
from ultralif_deploy.exporters.verilog.neurons import (
    LANES,
    LOGIT_BITS,
    Currents,
    Lane,
    fractions,
    is_shared,
    sized,
)
from ultralif_deploy.exporters.verilog.projections import Unit, unit_of
from ultralif_deploy.exporters.verilog.words import words
from ultralif_deploy.program.exits import ExitRule
from ultralif_deploy.program.graph import INPUT, WEIGHTED, Projection
from ultralif_deploy.program.neurons import entry_for
from ultralif_deploy.program.program import Population, Program

IDLE_PORTS = {"threshold": "8'd0", "reset": "2'd0", "floor": "2'd0"}
"""What ports read that a population has no parameter for."""

UNIT_PORTS = (
    ("unit_ready", "_ready", "1'b1"),
    ("unit_busy", "_busy", "1'b0"),
    ("op_valid", "_valid", "1'b0"),
    ("op_group", "_group", "{group}'d0"),
    ("op_value", "_value", "{value}'d0"),
    ("op_weights", "_weights", "{weights}'d0"),
)
"""Ports of a layer, the signals of an address generator, and what stands there without one."""


@dataclass(frozen=True, slots=True)
class Design:
    """A program as hardware.

    Attributes:
        layouts: places of neurons, of the input and of every population.
        ids: names in the hardware, by population or input.
        source: what the template needs of the input.
        populations: what it needs of each population, in order.
        files: memories by file name.
        memories: memories of weights and parameters with their depth; no depth for a constant.
        layout: what a reader of recorded beats and of memories needs.
        exits: what it needs to stop samples early; empty where they run to the end.
    """

    layouts: dict[str, Layout]
    ids: dict[str, str]
    source: dict[str, Any]
    populations: list[dict[str, Any]]
    files: dict[str, str]
    memories: list[dict[str, Any]]
    layout: dict[str, Any]
    exits: dict[str, Any]

    @property
    def patience(self) -> int:
        """Cycles after which some beat has passed wherever the network does not hang."""
        updates = (
            p["groups"] * (p["latency"] + (1 << p["sent"] % 32) + 4) for p in self.populations
        )
        return 1000 + sum(updates) + sum(m["depth"] for m in self.memories)


def design(program: Program, lanes: int | None, rule: ExitRule | None = None) -> Design:
    """The hardware of a program.

    Args:
        program: program to be written.
        lanes: lanes of every population; None chooses them.
        rule: rule by which samples stop early; None runs them to the end.

    Raises:
        UltralifError: a number of lanes that does not exist.
        Refused: a model, a structure or a rule that the hardware does not have.
    """
    for p in program.populations:
        entry_for(LANES, p.neuron, p.name, "verilog")
    places = layouts(program, lanes)
    ids = {INPUT: "in"} | {p.name: f"p{i}" for i, p in enumerate(program.populations)}
    made = Design(places, ids, _source(program, places[INPUT]), [], {}, [], {}, {})
    units: dict[str, dict[str, Any]] = {}
    for population in program.populations:
        made.populations.append(_population(program, population, made, units))
    _readers(made)
    readout = made.populations[-1]
    most = readout.pop("most_timesteps")
    if rule is not None:
        unit = exit_unit(program, rule, places[program.readout.name], readout["state"])
        made.exits.update(unit.entry)
        made.files.update(unit.files)
        made.memories.extend(unit.memories)
        made.layout["exits"] = unit.stored
        most = min(most, MOST_TIMESTEPS)
    made.layout.update(
        {
            "timesteps": most,
            "slots": {name: places[name].neurons().tolist() for name in ids if name != INPUT},
            "projections": units,
            "memories": made.memories,
            "parameters": [q for p in made.populations for q in p["stored"]],
            "lanes": {p["name"]: p["lanes"] for p in made.populations},
            "accumulator_bits": {p["name"]: p["accumulator"] for p in made.populations},
            "memory_bits": sum(m["depth"] * m["width"] for m in made.memories),
        }
    )
    return made


def _source(program: Program, layout: Layout) -> dict[str, Any]:
    return {
        "id": "in",
        "address": bits_for(layout.slots),
        "value": program.input.maximum.bit_length(),
    }


def currents(program: Program, population: Population, term: int) -> Currents:
    """Smallest and largest sum of weight times value of each neuron, in whatever order.

    Args:
        program: program of the population.
        population: population whose currents are bounded.
        term: bits of a weight times a value.
    """
    low, high = (np.zeros(population.size, dtype=np.int64) for _ in range(2))
    for p in program.incoming(population.name):
        most = program.largest_sent(p.source)
        ones = np.full(p.map.source_size, most, dtype=np.int64)
        if isinstance(p.map, WEIGHTED):
            weight = p.map.weight.astype(np.int64)
            low += replace(p.map, weight=np.minimum(weight, 0)).apply(ones)
            high += replace(p.map, weight=np.maximum(weight, 0)).apply(ones)
        else:
            high += most
    return Currents(low, high, term)


def _streams(program: Program, population: Population) -> list[Projection | None]:
    """Projections in the order in which their beats are taken; None says when timesteps end.

    What was sent in the timestep before comes first, then the input, then populations in order. So
    no two populations ever wait for each other.
    """
    order = [INPUT, *(p.name for p in program.populations)]
    incoming = program.incoming(population.name)
    late = [p for p in incoming if p.name in program.delayed]
    now = [p for p in incoming if p.name not in program.delayed]
    found: list[Projection | None] = [
        *sorted(late, key=lambda p: order.index(p.source)),
        *sorted(now, key=lambda p: order.index(p.source)),
    ]
    return found if now else [*found, None]


def _population(
    program: Program, population: Population, made: Design, units: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    name, layout = made.ids[population.name], made.layouts[population.name]
    streams = _streams(program, population)
    bits = program.formats[population.name].stored_bits
    value = max(
        (program.largest_sent(p.source).bit_length() for p in streams if p is not None), default=1
    )
    found = currents(program, population, bits if value == 1 else bits + value)
    lane = entry_for(LANES, population.neuron, population.name, "verilog")(
        population, found, program.timesteps
    )
    most = population.largest_sent
    sent = most.bit_length() if population.spikes else LOGIT_BITS
    entry: dict[str, Any] = {
        "id": name,
        "name": population.name,
        "model": type(population.neuron).__name__,
        "size": population.size,
        "spikes": population.spikes,
        "tag": int(name[1:]),
        "lanes": layout.lanes,
        "groups": layout.groups,
        "group": bits_for(layout.groups),
        "period": layout.period,
        "tail": f"{layout.tail:x}",
        "address": bits_for(layout.slots),
        "apart": layout.lanes % (1 << bits_for(layout.slots)),
        "final_address": int(np.flatnonzero(layout.neurons() >= 0)[-1]),
        "bits": bits,
        "value": value,
        "accumulator": found.bits,
        "state": max(1, lane.state),
        "remembers": int(lane.state > 0),
        "latency": lane.latency,
        "step": bits_for(lane.latency + 1),
        "sent": sent,
        "select": bits_for(len(streams)),
        "delayed": f"{_mask(p is not None and p.name in program.delayed for p in streams):x}",
        "silent": f"{_mask(p is None for p in streams):x}",
        "most_timesteps": lane.most_timesteps,
    }
    entry["streams"] = [
        _stream(program, projection, entry, made, units, f"{name}_{k}")
        for k, projection in enumerate(streams)
    ]
    entry["parameters"], entry["stored"], widths = _parameters(population, lane, layout, name, made)
    entry["lane"] = _lane_lines(lane, entry, widths)
    return entry


def _mask(flags: Any) -> int:
    return sum(1 << k for k, flag in enumerate(flags) if flag)


def _stream(
    program: Program,
    projection: Projection | None,
    target: dict[str, Any],
    made: Design,
    units: dict[str, dict[str, Any]],
    own: str,
) -> dict[str, Any]:
    """What the template needs of a stream into a population."""
    source = INPUT if projection is None else projection.source
    layout = made.layouts[source]
    entry: dict[str, Any] = {
        "source": made.ids[source],
        "id": made.ids[source],
        "address": bits_for(layout.slots),
        "value": program.largest_sent(source).bit_length(),
        "delayed": projection is not None and projection.name in program.delayed,
        "unit": None,
    }
    if entry["delayed"]:
        held = layout.channels * layout.positions + 1
        entry |= {"id": f"d{own[1:]}", "depth": held, "depth_bits": bits_for(held)}
    for port, suffix, idle in UNIT_PORTS:
        del suffix
        sizes = {
            "group": target["group"],
            "value": target["value"],
            "weights": target["lanes"] * target["bits"],
        }
        entry[port] = idle.format(**sizes)
    if projection is None:
        return entry
    unit: Unit = unit_of(
        projection, f"w{own[1:]}", (layout, made.layouts[projection.target]), target["bits"]
    )
    made.files.update(unit.files)
    if unit.stored is not None:
        units[projection.name] = unit.stored | {"memory": f"w{own[1:]}"}
        made.memories.append(
            {
                "id": f"w{own[1:]}",
                "path": f"w{own[1:]}.rom",
                "depth": unit.words[0],
                "width": unit.words[1],
            }
        )
    sizes = {"ADDRESS": entry["address"], "VALUE": target["value"], "GROUP": target["group"]}
    for port, suffix, _ in UNIT_PORTS:
        entry[port] = f"w{own[1:]}{suffix}"
    return entry | {
        "unit": f"w{own[1:]}",
        "name": projection.name,
        "kind": unit.kind,
        "parameters": [f".{k}({v})" for k, v in (sizes | unit.parameters).items()],
    }


def _parameters(
    population: Population, lane: Lane, layout: Layout, name: str, made: Design
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], dict[str, int]]:
    """Memories of a population's parameters, how to read them, and bits of each parameter.

    A parameter that all neurons share is a constant.
    """
    entries, stored, widths = [], [], {}
    for parameter, values in {"bias": population.bias, **population.parameters()}.items():
        whole = values.astype(np.int64)
        shared = is_shared(population, parameter)
        if shared:  # every neuron reads the whole list
            whole = np.repeat(whole, population.size)
        rows = whole.reshape(-1, population.size).T  # [neuron, level]
        bits = fractions(lane, parameter) or signed_bits(int(rows.min()), int(rows.max()))
        width, identifier = bits * rows.shape[1], f"{name}_{parameter}"
        constant = bool(np.all(rows == rows[0]))
        entry: dict[str, Any] = {"id": identifier, "width": width, "constant": None}
        if constant:
            entry["constant"] = words((rows[:1], bits)).strip()
        else:
            placed = layout.placed(rows).reshape(layout.groups, -1)
            made.files[f"{identifier}.mem"] = words((placed, bits))
        entries.append(entry)
        made.memories.append(
            {
                "id": identifier,
                "path": identifier if constant else f"{identifier}_rom",
                "depth": 0 if constant else layout.groups,
                "width": width * layout.lanes,
            }
        )
        stored.append(
            {
                "population": population.name,
                "parameter": parameter,
                "memory": identifier,
                "bits": bits,
                "levels": rows.shape[1],
                "shared": shared,
                "signed": fractions(lane, parameter) is None,
                "lanes": layout.lanes,
            }
        )
        widths[parameter] = bits
    return entries, stored, widths


def _lane_lines(lane: Lane, entry: dict[str, Any], widths: dict[str, int]) -> list[str]:
    """The instance of a lane, and how its answer becomes what the layer sends."""
    name = entry["id"]
    n = f"{name}_n"

    def part(signal: str, width: int) -> str:
        return f"{name}_{signal}[{n}*{width} +: {width}]"

    parameters = {"ACCUMULATOR": entry["accumulator"]} | sized(lane, widths)
    ports = {"current": part("current", entry["accumulator"])}
    ports |= {control: f"{name}_{control}" for control in lane.controls if control != "clk"}
    ports |= {"clk": "clk"} if "clk" in lane.controls else {}
    if lane.state:
        ports |= {"state": part("state", lane.state), "next_state": part("next", lane.state)}
    for parameter, (port, _) in lane.ports.items():
        (width,) = [q["width"] for q in entry["parameters"] if q["id"] == f"{name}_{parameter}"]
        ports[port] = part(parameter, width)
    for port in lane.idle:
        ports[port] = IDLE_PORTS.get(port) or f"{lane.parameters['FRACTION'] + 1}'d0"
    lines = []
    sent, answer = entry["sent"], "answer"
    if entry["spikes"]:
        lines.append(f"wire [{sent - 1}:0] answer;")
        ports["sent" if lane.counts or lane.module == "lif" else "fired"] = answer
        lines.append(f"assign {name}_fired[{n}] = answer != 0;")
        lines.append(f"assign {part('sent', sent)} = answer;")
    else:
        width = min(lane.state, LOGIT_BITS)
        lines.append(
            f"wire signed [{width - 1}:0] answer = {name}_next[{n}*{lane.state} +: {width}];"
        )
        lines.append("wire signed [31:0] logit = answer;")
        lines.append(f"assign {part('sent', sent)} = logit;")
        lines.append(f"assign {name}_fired[{n}] = 1'b0;")
        if lane.module == "lif":
            lines.append("wire spike;")
            lines.append("wire unused_spike = &{1'b0, spike};")
            ports["sent"] = "spike"
    if lane.busy:
        ports["busy"] = f"{name}_busy[{n}]"
    else:
        lines.append(f"assign {name}_busy[{n}] = 1'b0;")
    if not lane.state:
        lines.append(f"assign {name}_next[{n}] = 1'b0;")
    given = ", ".join(f".{key}({value})" for key, value in parameters.items())
    wired = ", ".join(f".{port}({signal})" for port, signal in ports.items())
    return [*lines, f"ultralif_{lane.module} #({given}) lane ({wired});"]


def _readers(made: Design) -> None:
    """Say of every stream who must be ready to take a beat."""
    for source in (made.source, *made.populations):
        source["readers"] = [
            f"{s['id']}_room" if s["delayed"] else f"{p['id']}_in_ready[{k}]"
            for p in made.populations
            for k, s in enumerate(p["streams"])
            if s["source"] == source["id"]
        ]
