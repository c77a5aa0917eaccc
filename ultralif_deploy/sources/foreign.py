"""NIR files of other tools on the way to a program: their source, and what `verify` measures."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nir
import numpy as np

from ultralif_deploy.data import Dataset, Split
from ultralif_deploy.data.encoders import Encoder, largest_input
from ultralif_deploy.energy.counts import EventCounter
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.findings.assumptions import Assumptions
from ultralif_deploy.network import network as hard
from ultralif_deploy.network.running import run_hard
from ultralif_deploy.program.delays import Delay
from ultralif_deploy.program.program import Program
from ultralif_deploy.readers.nir.delays import meant_delays
from ultralif_deploy.readers.nir.graph import read_graph
from ultralif_deploy.readers.nir.linear import values
from ultralif_deploy.readers.nir.misreadings import warn_of_misreadings
from ultralif_deploy.readers.nir.network import import_nir
from ultralif_deploy.readers.nir.neurons import Conventions
from ultralif_deploy.report.json_report import gathered
from ultralif_deploy.sources.settings import (
    Settings,
    check_classes,
    open_data,
    refuse_settings,
    settle_encoder,
)
from ultralif_deploy.verify.backends import load_on
from ultralif_deploy.verify.certificate import Comparison
from ultralif_deploy.verify.measuring import thresholds_of
from ultralif_deploy.verify.paired import paired_gap
from ultralif_deploy.verify.raster import sample_raster
from ultralif_deploy.verify.spikes_kept import SpikesKept

TIMESTEPS = 100
"""Default T: NIR names none."""


@dataclass(frozen=True, slots=True)
class NetworkSource:
    """A hard network of another tool with the data and encoder that belong to it.

    Attributes:
        path: the NIR file.
        network: float64.
        dataset: or None when none was given; its test split cut to the limit.
        encoder: of the inputs.
        assumptions: every setting with its source.
        decay_bits: of leaky models; None is as many as they need.
        delays: of connections, as the file means them.
    """

    path: Path
    network: hard.Network
    dataset: Dataset | None
    encoder: Encoder
    assumptions: Assumptions
    decay_bits: int | None = None
    delays: tuple[Delay, ...] = ()


def open_network(path: str | Path, settings: Settings) -> NetworkSource:
    """Read a NIR file of another tool and the data, and settle what the file does not say.

    Raises:
        UltralifError: a bad file, or settings that do not fit it.
    """
    refuse_settings(
        settings, ("theta", "tau", "neuron", "skip", "stateless"), "a NIR file has none to choose"
    )
    assumptions, plain = Assumptions(), Conventions()
    how = Conventions(
        assumptions.choose("dt", settings.dt, {}, {}, plain.dt, kind=float),
        assumptions.choose(
            "discretization", settings.discretization, {}, {}, plain.discretization, kind=str
        ),
        assumptions.choose("reset", settings.reset, {}, {}, plain.reset_mode, kind=str),
        assumptions.choose("fires", settings.fires, {}, {}, plain.fires, kind=str),
        assumptions.choose("synapse", settings.synapse, {}, {}, plain.synapse, kind=str),
        assumptions.choose("read_out", settings.read_out, {}, {}, plain.read_out, kind=str),
        assumptions.choose("max_spikes", settings.max_spikes, {}, {}, plain.max_spikes, kind=int),
        settings.min_membrane,
    )
    if how.min_membrane is None:
        assumptions.add("min_membrane", "none", "default")
    else:
        assumptions.add("min_membrane", how.min_membrane, "option")
    assumptions.add(
        "membrane before the first timestep", "v_leak; IF v_reset; read-outs 0", "default"
    )
    assumptions.add("an edge back acts", "one timestep later", "default")
    assumptions.choose("timesteps", settings.timesteps, {}, {}, TIMESTEPS, kind=int)
    graph = read_graph(path)
    warn_of_misreadings(graph, how, assumptions)
    inputs = _input_size(graph, path)
    dataset = open_data(settings)
    encoder = settle_encoder(settings, {}, dataset, inputs, assumptions, default="rate")
    maximum = largest_input(encoder, dataset)
    constant = encoder.kind == "constant"
    read = hard.Input(inputs, maximum, *encoder.reading(inputs), constant)
    try:
        network = import_nir(graph, how, timesteps=encoder.timesteps, read=read)
    except UltralifError as error:
        raise UltralifError(f"{path}: {error}") from error
    if dataset is not None:
        check_classes(dataset, network.populations[-1].size)
    delays = meant_delays(graph, how.dt, network.populations[-1].name)
    return NetworkSource(
        Path(path), network, dataset, encoder, assumptions, settings.decay_bits, delays
    )


def measure_network(
    network: hard.Network,
    program: Program,
    test: Split,
    encoder: Encoder,
    counter: EventCounter,
    on_progress: Callable[[float], None] | None = None,
) -> dict[str, Any]:
    """Float against integer on the test split, spike by spike and sample by sample.

    Args:
        network: what was quantized, float64.
        program: what became of it.
        test: samples; without labels the accuracies are None.
        encoder: of the inputs.
        counter: gets all runs of the integer program.
        on_progress: called with the share done.

    Returns:
        A dictionary for the report: accuracies and agreements as fractions, gaps in percentage
        points.
    """
    executable = load_on("fast", program)
    names = [p.name for p in program.populations if p.spikes]
    equal, fired = dict.fromkeys(names, 0), dict.fromkeys(names, 0)
    kept, thresholds = SpikesKept(), thresholds_of(network)
    wanted: list[np.ndarray] = []
    predictions: list[np.ndarray] = []
    raster: dict[str, Any] = {}
    for where, inputs in encoder.blocks(test.x):
        taken = inputs[: program.timesteps]
        integer = executable.run(taken, record=True)
        floating = run_hard(network, inputs)
        assert integer.spikes is not None
        for name in names:
            spikes = floating.spikes[name]
            equal[name] += int(np.count_nonzero(spikes == integer.spikes[name]))
            fired[name] += int(np.count_nonzero(spikes))
            kept.add(
                program.population(name),
                thresholds[name],
                spikes,
                floating.margins[name],
                integer.spikes[name],
            )
        wanted.append(floating.logits.argmax(axis=1))
        predictions.append(integer.predictions())
        raster = raster or sample_raster(floating.spikes, integer.spikes, "float")
        counter.add(taken, integer)
        if on_progress is not None:
            on_progress(where.stop / len(test.x))
    counts = counter.totals()
    expected, found = np.concatenate(wanted), np.concatenate(predictions)
    moments = counts.timesteps * counts.samples
    return {
        "findings": list(kept.findings()),
        "accuracy": _accuracy(expected, found, test.y),
        "predictions_equal": float((expected == found).mean()),
        "populations": {
            name: {
                "neurons": program.population(name).size,
                "spike_rate_float": fired[name] / (moments * program.population(name).size),
                "spike_rate_integer": float(counts.spikes[name].sum())
                / (moments * program.population(name).size),
                "agreement": equal[name] / (moments * program.population(name).size),
                "spikes_kept": kept.populations[name].as_dict(),
            }
            for name in names
        },
        "raster": raster,
    }


def network_report(
    source: NetworkSource,
    network: hard.Network,
    program: Program,
    measured: dict[str, Any],
    compared: Comparison,
    energy: dict[str, Any],
    program_sha256: str,
    command: str | None,
) -> dict[str, Any]:
    """The content of report.json for a network of another tool."""
    report = gathered(
        source,
        network,
        program,
        measured,
        compared,
        energy,
        program_sha256,
        command,
        delays=source.delays,
    )
    return report | {"network": {"file": source.path.name}}


def describe_network(source: NetworkSource) -> dict[str, Any]:
    """What a NIR file holds, as plain values."""
    network, delayed = source.network, source.network.delayed()
    return {
        "file": source.path.name,
        "inputs": network.input.size,
        "populations": [
            {
                "name": p.name,
                "neurons": p.size,
                "neuron": type(p.neuron).__name__,
                "reset": getattr(p.neuron, "reset_mode", None),
                "hears": [
                    {
                        "source": q.source,
                        "map": type(q.map).__name__,
                        "late": q.name in delayed,
                    }
                    for q in network.incoming(p.name)
                ],
            }
            for p in network.populations
        ],
        "assumed": source.assumptions.as_dict(),
    }


def _accuracy(
    floating: np.ndarray, integer: np.ndarray, labels: np.ndarray | None
) -> dict[str, Any]:
    if labels is None:
        keys = ("float", "integer", "gap_float_integer", "gap_ci95", "mcnemar_p")
        return dict.fromkeys(keys)
    gap = paired_gap(floating == labels, integer == labels)
    return {
        "float": float((floating == labels).mean()),
        "integer": float((integer == labels).mean()),
        "gap_float_integer": gap.gap,
        "gap_ci95": list(gap.ci95),
        "mcnemar_p": gap.mcnemar_p,
        "only_float_correct": gap.only_first,
        "only_integer_correct": gap.only_second,
    }


def _input_size(graph: nir.NIRGraph, path: str | Path) -> int:
    nodes = [(name, n) for name, n in graph.nodes.items() if isinstance(n, nir.Input)]
    if len(nodes) != 1:
        raise UltralifError(f"{path}: {len(nodes)} Input nodes; expected one")
    name, node = nodes[0]
    return math.prod(values(node.input_type["input"], f"{path}: {name}"))
