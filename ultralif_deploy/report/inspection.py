"""Output of inspect, train, anneal, quantize, export, simulate, doctor, verify --certificate."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ultralif_deploy.io.printable import shortened
from ultralif_deploy.report.choices_words import choices_texts
from ultralif_deploy.report.summaries.exits import exits_summary
from ultralif_deploy.report.terminal import assumptions_table, stored_parameters, titled
from ultralif_deploy.report.words import expected_words, percent, rate, weights_in_words
from ultralif_deploy.schema.commands import (
    Annealed,
    Diagnosis,
    Exported,
    InspectedCheckpoint,
    InspectedNetwork,
    InspectedProgram,
    Quantized,
    Rechecked,
    Simulated,
    Trained,
)
from ultralif_deploy.schema.report import ProgramSize
from ultralif_deploy.schema.training import EpochFigures


def checkpoint_inspection(found: InspectedCheckpoint) -> RenderableType:
    """Layers and settings as tables."""
    widths = "-".join(map(str, found["widths"]))
    title = f"{found['file']}: {found['architecture']} {widths}, {found['parameters']:,} parameters"
    columns = ("population", "inputs", "neurons", "batch norm", "neuron", "ε", "learned")
    table = titled(title, *columns, left=("population", "batch norm", "neuron", "learned"))
    for layer in found["layers"]:
        learned = ", ".join(f"{k} {v:.4g}" for k, v in layer["learned"].items())
        table.add_row(
            layer["name"],
            str(layer["inputs"]),
            str(layer["outputs"]),
            "yes" if layer["batch_norm"] else "no",
            layer["neuron"] or "read-out",
            "" if layer["epsilon"] is None else f"{layer['epsilon']:.4g}",
            learned,
        )
    stored = stored_parameters(found["findings"], found["parameters_stored"])
    return Group(*stored, table, assumptions_table(found["assumed"]))


def network_inspection(found: InspectedNetwork) -> RenderableType:
    """Populations and settings as tables."""
    title = f"{found['file']}: a network of {len(found['populations'])} populations"
    columns = ("population", "neurons", "neuron", "reset", "incoming")
    table = titled(title, *columns, left=("population", "neuron", "reset", "incoming"))
    for p in found["populations"]:
        incoming = ", ".join(
            f"{q['source']} ({q['map']}{', one timestep later' if q['delayed'] else ''})"
            for q in p["incoming"]
        )
        table.add_row(p["name"], str(p["neurons"]), p["neuron"], p["reset"] or "", incoming)
    stored = stored_parameters(found["findings"], found["parameters_stored"])
    return Group(*stored, table, assumptions_table(found["assumed"]))


def anneal_summary(result: Annealed) -> RenderableType:
    """One line per epoch and the file written."""
    table = _epochs(f"Annealed: {result['annealing']}", result["epochs"])
    return Group(table, Text(f"Written to {result['output']}"))


def train_summary(result: Trained) -> RenderableType:
    """One line per epoch, what was kept, and the command that deploys it."""
    widths = "-".join(map(str, result["widths"]))
    what = f"{result['architecture']} {widths}, {result['parameters']:,} parameters"
    table = _epochs(f"{what}: {result['state']}", result["epochs"])
    accuracy = percent(result["test_accuracy"])
    text = (
        f"Kept: epoch {result['best_epoch']}, the best on held-out training samples; soft accuracy "
        f"{accuracy} on the test samples, mean output of a layer {rate(result['spike_rate'])}\n"
        f"Written to {result['output']}"
    )
    stored = stored_parameters(result["findings"], [])
    return Group(*stored, table, assumptions_table(result["assumed"]), Text(text))


def _epochs(title: str, epochs: Sequence[EpochFigures]) -> Table:
    columns = ("epoch", "loss", "ε", "soft", "hard", "spike rate")
    table = titled(title, *columns)
    for epoch in epochs:
        table.add_row(
            str(epoch["epoch"]),
            f"{epoch['loss']:.4f}",
            f"{epoch['epsilon']:.4f}",
            percent(epoch["soft_accuracy"]),
            percent(epoch["hard_accuracy"]),
            rate(epoch["spike_rate"]),
        )
    return table


def program_inspection(found: InspectedProgram) -> RenderableType:
    """Populations of a program, and its settings."""
    return Group(_populations(found["program"]), assumptions_table(found["assumed"]))


def quantization_summary(result: Quantized) -> RenderableType:
    """Stored parameters, populations and settings of a new program, and its file."""
    stored = stored_parameters(result["findings"], result["parameters_stored"])
    settings = assumptions_table(result["assumed"])
    chosen = [Text(said) for said in choices_texts(result)]
    written = Text(f"Written to {result['output']}")
    return Group(*chosen, *stored, _populations(result["program"]), settings, written)


def _populations(program: ProgramSize) -> RenderableType:
    title = f"{weights_in_words(program)} program, {program['parameters']:,} parameters"
    columns = ("population", "neuron", "size", "largest current")
    table = titled(title, *columns, left=columns[:2])
    for p in program["populations"]:
        table.add_row(p["name"], p["neuron"], str(p["size"]), str(p["current_bound"]))
    return table


def exports_summary(result: Exported) -> RenderableType:
    """Files written and their checksums."""
    return Text("\n".join(f"{e['file']}  sha256 {e['sha256']}" for e in result["exports"]))


def simulation_summary(result: Simulated) -> RenderableType:
    """What speaks against the run, counts, accuracy and the first predictions."""
    counts = result["counts"]
    title = f"{counts['samples']} samples, {counts['timesteps']} timesteps"
    table = titled(title, "count", "total", left=("count",))
    for name, value in counts["spikes"].items():
        table.add_row(f"spikes of {name}", f"{value:,}")
    for name, value in counts["synaptic_operations"].items():
        table.add_row(f"synaptic operations {name}", f"{value:,}")
    first = ", ".join(map(str, result["predictions"][:20]))
    text = Text(f"Accuracy {percent(result['accuracy'])}; first predictions: {first}")
    assumed = [assumptions_table(result["assumed"])] if result["assumed"] else []
    expected = [Text(expected_words(result["expected"]))] if "expected" in result else []
    stopped = [exits_summary(result["exits"])] if "exits" in result else []
    doubts = stored_parameters(result["findings"], [])
    return Group(*expected, *doubts, table, *assumed, text, *stopped)


def diagnosis_summary(found: Diagnosis) -> RenderableType:
    """Which back ends can run, and how to install the others."""
    columns = ("back end, tool or package", "runs here", "what it needs")
    table = titled(f"ultralif-deploy {found['ultralif_deploy']}", *columns, left=columns)
    installs: dict[str, list[str]] = {}
    states = found["backends"] | found["synthesis"]
    states |= {name: one for name, one in found["packages"].items() if name not in states}
    for name, state in states.items():
        table.add_row(name, "yes" if state["available"] else "no", state["tool"] or "")
        if state["install"]:
            installs.setdefault(state["install"], []).append(name)
    lines = [
        Text(f"To use {', '.join(names)}:\n{line}", no_wrap=True, overflow="ignore")
        for line, names in installs.items()
    ]
    return Group(table, *lines)


LONGEST_NAME = 60
"""Characters of a file's name that are shown; a certificate may hold any."""


def certificate_summary(result: Rechecked) -> RenderableType:
    """Back ends for which the certificate holds, and those that were not checked."""
    checked = ", ".join(f"{name} ({n} samples)" for name, n in result["samples"].items())
    text = f"{result['certificate']} holds: {checked}"
    if result["signed_by"] is not None:
        text += f"\nSigned by {result['signed_by']}: {result['signature_comment']}"
    for name, why in result["not_checked"].items():
        text += f"\nNot checked: {name}; {why}"
    reasons: dict[str, list[str]] = {}
    for name, why in result["not_covered"].items():
        reasons.setdefault(why, []).append(shortened(name, LONGEST_NAME))
    for why, names in reasons.items():
        text += f"\nNot covered: {', '.join(names)}; {why}"
    return Text(text)
