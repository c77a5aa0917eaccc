"""NIR files of other tools as what is to be deployed."""

import math
from pathlib import Path

import nir

from ultralif_deploy.data.encoders import largest_input
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.findings.assumptions import Assumptions
from ultralif_deploy.network.network import Input
from ultralif_deploy.readers.nir.delays import meant_delays
from ultralif_deploy.readers.nir.graph import read_graph
from ultralif_deploy.readers.nir.linear import values
from ultralif_deploy.readers.nir.misreadings import warn_of_misreadings
from ultralif_deploy.readers.nir.network import import_nir
from ultralif_deploy.readers.nir.neurons import Conventions
from ultralif_deploy.sources.deployable import Deployable
from ultralif_deploy.sources.descriptions import network_description
from ultralif_deploy.sources.inputs import check_classes, open_data, settle_encoder
from ultralif_deploy.sources.settings import Settings, refuse_settings

TIMESTEPS = 100
"""Default T: NIR names none."""


def open_network(path: str | Path, settings: Settings) -> Deployable:
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
        assumptions,
        maximum,
        network_description(Path(path), network),
        decay_bits=settings.decay_bits,
        delays=delays,
    )


def _input_size(graph: nir.NIRGraph, path: str | Path) -> int:
    nodes = [(name, n) for name, n in graph.nodes.items() if isinstance(n, nir.Input)]
    if len(nodes) != 1:
        raise UltralifError(f"{path}: {len(nodes)} Input nodes; expected one")
    name, node = nodes[0]
    return math.prod(values(node.input_type["input"], f"{path}: {name}"))
