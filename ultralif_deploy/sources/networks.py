"""Opens NIR files of other tools as a Deployable."""

import math
from pathlib import Path

import nir

from ultralif_deploy.data.encoders import largest_input
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.findings.assumptions import DEFAULT, Assumptions, Chosen, choose, joined
from ultralif_deploy.network.network import Input
from ultralif_deploy.readers.nir.delays import meant_delays
from ultralif_deploy.readers.nir.graph import read_graph
from ultralif_deploy.readers.nir.linear import values
from ultralif_deploy.readers.nir.misreadings import misreadings
from ultralif_deploy.readers.nir.network import import_nir
from ultralif_deploy.readers.nir.neurons import Conventions
from ultralif_deploy.sources.deployable import Deployable
from ultralif_deploy.sources.descriptions import network_description
from ultralif_deploy.sources.inputs import check_classes, open_data, settle_encoder
from ultralif_deploy.sources.settings import Settings, refuse_settings

TIMESTEPS = 100
"""Default T; a NIR file does not hold it."""

NONE_TO_CHOOSE = ("theta", "tau", "neuron", "skip", "stateless", "membrane", "spike_bits")
"""Settings that only soft networks have."""


def open_network(path: str | Path, settings: Settings) -> Deployable:
    """Open a NIR file of another tool and the data, and choose what the file does not say.

    Raises:
        UltralifError: the file is bad, or settings do not fit it.
    """
    refuse_settings(settings, NONE_TO_CHOOSE, "a NIR file has none to choose")
    how, conventions = _conventions(settings)
    steps = choose("timesteps", settings.timesteps, {}, {}, TIMESTEPS, kind=int)
    graph = read_graph(path)
    misread = misreadings(
        graph,
        how,
        dt_is_default=conventions.is_default("dt"),
        synapse_is_default=conventions.is_default("synapse"),
    )
    told = joined(conventions, steps.recorded(misread))
    inputs = _input_size(graph, path)
    dataset = open_data(settings)
    encoder, encoding = settle_encoder(settings, {}, dataset, inputs, steps, default="rate")
    maximum = largest_input(encoder, dataset)
    constant = encoder.kind == "constant"
    read = Input(inputs, maximum, *encoder.reading(inputs), constant)
    try:
        network = import_nir(graph, how, timesteps=encoder.timesteps, read=read)
    except UltralifError as error:
        raise UltralifError(f"{path}: {error}") from error
    if dataset is not None:
        check_classes(dataset, network.populations[-1].size)
    delays = meant_delays(graph, how.dt, network.populations[-1].name)
    return Deployable(
        Path(path),
        None,
        network,
        dataset,
        encoder,
        joined(told, encoding),
        maximum,
        network_description(Path(path), network),
        decay_bits=settings.decay_bits,
        delays=delays,
    )


def _conventions(settings: Settings) -> tuple[Conventions, Assumptions]:
    """What NIR leaves open, by option or default, for example the timestep and the reset."""
    plain = Conventions()
    dt = choose("dt", settings.dt, {}, {}, plain.dt, kind=float)
    discretization = choose(
        "discretization", settings.discretization, {}, {}, plain.discretization, kind=str
    )
    reset = choose("reset", settings.reset, {}, {}, plain.reset_mode, kind=str)
    fires = choose("fires", settings.fires, {}, {}, plain.fires, kind=str)
    synapse = choose("synapse", settings.synapse, {}, {}, plain.synapse, kind=str)
    read_out = choose("read_out", settings.read_out, {}, {}, plain.read_out, kind=str)
    spikes = choose("max_spikes", settings.max_spikes, {}, {}, plain.max_spikes, kind=int)
    how = Conventions(
        dt.value,
        discretization.value,
        reset.value,
        fires.value,
        synapse.value,
        read_out.value,
        spikes.value,
        settings.min_membrane,
    )
    least: Chosen[str | float] = Chosen("min_membrane", "none", DEFAULT)
    if how.min_membrane is not None:
        least = Chosen("min_membrane", how.min_membrane, "option")
    first = "v_leak; IF v_reset; read-outs 0"
    fixed = (
        Chosen("membrane before the first timestep", first, DEFAULT),
        Chosen("an edge back acts", "one timestep later", DEFAULT),
    )
    chosen = (dt, discretization, reset, fires, synapse, read_out, spikes, least, *fixed)
    return how, Assumptions(chosen)


def _input_size(graph: nir.NIRGraph, path: str | Path) -> int:
    """Number of inputs, from the one Input node."""
    nodes = [(name, n) for name, n in graph.nodes.items() if isinstance(n, nir.Input)]
    if len(nodes) != 1:
        raise UltralifError(f"{path}: {len(nodes)} Input nodes; expected one")
    name, node = nodes[0]
    return math.prod(values(node.input_type["input"], f"{path}: {name}"))
