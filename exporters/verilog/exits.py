"""The tables by which hardware stops samples early."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ultralif_deploy.errors import Refused
from ultralif_deploy.exporters.verilog.layout import Layout, bits_for, signed_bits
from ultralif_deploy.exporters.verilog.neurons import LOGIT_BITS
from ultralif_deploy.exporters.verilog.words import words
from ultralif_deploy.io.event_words import PREDICTION_BITS
from ultralif_deploy.program.exits import ExitRule, check_sums
from ultralif_deploy.program.program import Program

MOST_TIMESTEPS = MOST_CLASSES = (1 << PREDICTION_BITS) - 1
"""What the word after the logits holds."""


@dataclass(frozen=True, slots=True)
class ExitUnit:
    """What decides when samples stop.

    Attributes:
        entry: values for the template.
        files: memories by file name.
        memories: those that are read back.
        stored: what their reader must know.
    """

    entry: dict[str, Any]
    files: dict[str, str]
    memories: list[dict[str, Any]]
    stored: dict[str, Any]


def exit_unit(program: Program, rule: ExitRule, layout: Layout, state: int) -> ExitUnit:
    """Tables of an exit rule; margins that no class can gain are left out.

    Args:
        program: program whose read-out sums its currents.
        rule: when its samples stop.
        layout: places of the classes.
        state: bits of a class's v in the read-out.

    Raises:
        Refused: a read-out that forgets, or more classes or timesteps than a word holds.
    """
    check_sums(program)
    readout = program.readout
    for number, most, what in (
        (readout.size, MOST_CLASSES, "classes"),
        (rule.timesteps, MOST_TIMESTEPS, "timesteps"),
    ):
        if number > most:
            raise Refused(
                f"verilog: {readout.name}: an exit rule for {number} {what}; expected at most "
                f"{most}; export it without --exit, or use the back end c"
            )
    bits = bits_for(readout.size)
    gain = np.zeros((readout.size, 1 << bits), dtype=np.int64)  # a row begins at the winner's bits
    gain[:, : readout.size] = rule.gain
    tables = rule.tables() | {"gain": gain.reshape(-1)}
    widths = {name: signed_bits(int(t.min()), int(t.max())) for name, t in tables.items()}
    files = {f"exits_{n}.mem": words((t[:, None], widths[n])) for n, t in tables.items()}
    neurons = layout.neurons()
    in_order = bool(np.array_equal(neurons[: readout.size], np.arange(readout.size)))
    if not in_order:
        files["exits_classes.mem"] = words((np.maximum(neurons, 0)[:, None], bits))
    entry = {
        "width": min(state, LOGIT_BITS),
        "class": bits,
        "item": bits_for(readout.size + 1),
        "timesteps": rule.timesteps,
        "time": bits_for(rule.timesteps + 1),
        "gain": widths["gain"],
        "gain_words": len(tables["gain"]),
        "margin": widths.get("margin", 1),
        "limited": rule.limited,
        "in_order": in_order,
        "addresses": len(neurons),
    }
    memories = [
        {
            "id": f"exits_{name}",
            "path": f"exits_{name}_rom",
            "depth": len(table),
            "width": widths[name],
        }
        for name, table in tables.items()
    ]
    return ExitUnit(entry, files, memories, {"classes": readout.size, "bits": widths})
