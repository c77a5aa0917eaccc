"""A program as Verilog-2001: fixed modules, a generated core, memories, and a self-test.

The hardware is event-driven. Every population is a layer. Streams of the addresses of neurons that
fired lead from layer to layer, and a beat ends each timestep. PROGRAM.md says what is computed.
"""

import functools
import json
import shutil
from pathlib import Path
from typing import Any

import jinja2

from ultralif_deploy.exporters.golden import Vectors
from ultralif_deploy.exporters.verilog.design import Design, design
from ultralif_deploy.exporters.verilog.golden import exit_beats, logit_beats, spike_beats
from ultralif_deploy.io.artefacts import VERILOG_CORE, VERILOG_LAYOUT, VERILOG_TESTBENCH
from ultralif_deploy.io.event_words import event_words
from ultralif_deploy.io.files import directory_written_whole
from ultralif_deploy.program.exits import ExitRule
from ultralif_deploy.program.graph import INPUT
from ultralif_deploy.program.program import Program

SOURCES = Path(__file__).parent / "sources"
TEMPLATES = Path(__file__).parent / "templates"
RENDERED = {
    "ultralif_core.v.j2": VERILOG_CORE,
    "ultralif_top.v.j2": "ultralif_top.v",
    "testbench.v.j2": VERILOG_TESTBENCH,
    "Makefile.j2": "Makefile",
    "ultralif.core.j2": "ultralif.core",
    "vivado.tcl.j2": "vivado.tcl",
    "README.md.j2": "README.md",
}
"""Files that are made from templates."""


def write_verilog(
    program: Program,
    directory: Path,
    vectors: Vectors,
    rule: ExitRule | None = None,
    lanes: int | None = None,
) -> tuple[Path, ...]:
    """Write the hardware and a testbench with golden vectors.

    Args:
        program: program to be written.
        directory: directory of the files; made if it is missing.
        vectors: inputs with the spikes and logits of `program`.
        rule: the hardware stops samples by it; the vectors are then those of such a run.
        lanes: neurons of a population that are computed at once; None chooses them.

    Raises:
        UltralifError: nothing can be written there, or a number of lanes that does not exist.
        Refused: a neuron model, a structure or a rule that the hardware does not have.
    """
    made = design(program, lanes, rule)
    beats = _expected(program, made, vectors)
    sources = sorted(SOURCES.glob("*.v"))
    names = [*(source.name for source in sources), VERILOG_CORE, "ultralif_top.v"]
    context = _context(program, made, beats) | {"sources": names}
    files = dict(made.files)
    files["inputs.mem"] = event_words(vectors.inputs)
    files["expected.mem"] = "".join(f"{line}\n" for lines in beats.values() for line in lines)
    files[VERILOG_LAYOUT] = json.dumps(made.layout) + "\n"
    environment = _environment(TEMPLATES)
    for template, name in RENDERED.items():
        files[name] = environment.get_template(template).render(context) + "\n"
    with directory_written_whole(directory) as temporary:
        for source in sources:
            shutil.copyfile(source, temporary / source.name)
        for name, text in files.items():
            (temporary / name).write_text(text, encoding="utf-8")
    return tuple(directory / name for name in (*(s.name for s in sources), *files))


@functools.lru_cache(maxsize=4)
def _environment(folder: Path) -> jinja2.Environment:
    """The templates of a folder; each is compiled once."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        undefined=jinja2.StrictUndefined,
        autoescape=False,
    )
    environment.filters["suffix"] = lambda name, end: f"{name}{end}"
    return environment


def _expected(program: Program, made: Design, vectors: Vectors) -> dict[str, list[str]]:
    """Beats of every population, in order, by its name in the hardware."""
    beats, exits = {}, vectors.exits
    ends = None if exits is None else exits[:, 0]
    for p, entry in zip(program.populations, made.populations, strict=True):
        layout = made.layouts[p.name]
        if p.spikes:
            beats[entry["id"]] = spike_beats(entry["tag"], vectors.spikes[p.name], layout, ends)
        elif exits is not None:
            beats[entry["id"]] = exit_beats(entry["tag"], vectors.logits, exits)
        else:
            beats[entry["id"]] = logit_beats(entry["tag"], vectors.logits, layout)
    return beats


def _context(program: Program, made: Design, beats: dict[str, list[str]]) -> dict[str, Any]:
    """Values for the templates."""
    order = made.layouts[program.readout.name].neurons()
    classes = order[order >= 0].tolist()
    start = 0
    for entry in made.populations:
        entry["first_expected"], start = start, start + len(beats[entry["id"]])
        entry["end_expected"] = start
    return {
        "names": [INPUT, *(p["name"] for p in made.populations)],
        "source": made.source,
        "exits": made.exits,
        "populations": made.populations,
        "spiking": [p for p in made.populations if p["spikes"]],
        "readout": made.populations[-1],
        "memories": made.memories,
        "expected_count": start,
        "patience": made.patience,
        "maximum": program.input.maximum,
        "most_timesteps": made.layout["timesteps"],
        "memory_files": sorted(made.files),
        "class_order": classes,
        "in_order": order.tolist() == list(range(len(order))),
    }
