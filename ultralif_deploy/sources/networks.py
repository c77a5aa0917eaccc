"""Opens NIR files of other tools as a Deployable."""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nir

from ultralif_deploy.data import Dataset
from ultralif_deploy.data.encoders import Encoder, largest_input
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.findings.assumptions import DEFAULT, Assumptions, Chosen, T, choose, joined
from ultralif_deploy.network.network import Input, Network
from ultralif_deploy.readers.nir.delays import meant_delays
from ultralif_deploy.readers.nir.frameworks import framework_reading
from ultralif_deploy.readers.nir.graph import inlined, read_graph
from ultralif_deploy.readers.nir.misreadings import misreadings
from ultralif_deploy.readers.nir.network import import_nir, population_names
from ultralif_deploy.readers.nir.neurons import Conventions
from ultralif_deploy.readers.nir.ports import input_shapes, input_size, outputs_of
from ultralif_deploy.sources.deployable import Deployable
from ultralif_deploy.sources.descriptions import network_description, other_names
from ultralif_deploy.sources.inputs import check_classes, fitted, open_data, settle_encoder
from ultralif_deploy.sources.settings import NO_SOFT_NETWORK, Settings, refuse_settings

TIMESTEPS = 100
"""Default T; a NIR file does not hold it."""

NONE_TO_CHOOSE = ("theta", "tau", "neuron", "skip", "stateless", "membrane", "spike_bits")
"""Settings that only soft networks have."""


@dataclass(frozen=True, slots=True)
class Unread:
    """A NIR file with its data, before it is settled how the file is read.

    Attributes:
        path: the file.
        graph: graph in the file.
        dataset: None when none was given; its test split cut to the limit.
        encoder: encoder of the inputs.
        read: reading of integer inputs by the network.
        encoding: settings chosen for the encoder, with their origins.
    """

    path: Path
    graph: nir.NIRGraph
    dataset: Dataset | None
    encoder: Encoder
    read: Input
    encoding: Assumptions

    def network(self, how: Conventions) -> Network:
        """The hard network by one reading.

        Raises:
            UltralifError: naming the file and the node that cannot be read so.
        """
        steps = self.encoder.timesteps
        try:
            return import_nir(self.graph, how, timesteps=steps, read=self.read)
        except UltralifError as error:
            raise UltralifError(f"{self.path}: {error}") from error


def open_unread(path: str | Path, settings: Settings) -> Unread:
    """Read a NIR file of another tool and the data, and settle the encoding.

    Raises:
        UltralifError: a bad file, or settings that do not fit it.
    """
    refuse_settings(settings, NONE_TO_CHOOSE, "a NIR file has none to choose")
    refuse_settings(settings, ("device",), NO_SOFT_NETWORK)
    graph = read_graph(path)
    steps = choose("timesteps", settings.timesteps, {}, {}, TIMESTEPS, kind=int)
    inputs = _input_size(graph, path)
    dataset = open_data(settings)
    if dataset is not None:
        dataset = fitted(dataset, settings, {}, inputs, steps)
    encoder, encoding = settle_encoder(settings, {}, dataset, inputs, steps, default="rate")
    maximum = largest_input(encoder, dataset)
    read = Input(inputs, maximum, *encoder.reading(inputs), encoder.kind == "constant")
    told = joined(steps.recorded(), encoding)
    return Unread(Path(path), graph, dataset, encoder, read, told)


def open_network(path: str | Path, settings: Settings) -> Deployable:
    """Open a NIR file of another tool and the data, and choose what the file does not say.

    Raises:
        UltralifError: the file is bad, or settings do not fit it.
    """
    file = open_unread(path, settings)
    how, conventions = _conventions(settings, file.graph)
    misread = misreadings(
        file.graph,
        how,
        dt_is_default=conventions.is_default("dt"),
        synapse_is_default=conventions.is_default("synapse"),
    )
    network = file.network(how)
    if file.dataset is not None:
        check_classes(file.dataset, network.populations[-1].size)
    ports = tuple(_ports(file.graph, how))
    delays = meant_delays(file.graph, how, network.populations[-1].name)
    return Deployable(
        file.path,
        None,
        network,
        file.dataset,
        file.encoder,
        joined(
            conventions,
            Assumptions(ports, tuple(misread)),
            file.encoding,
            other_names(network),
        ),
        file.read.maximum,
        network_description(file.path, network),
        decay_bits=settings.decay_bits,
        delays=delays,
    )


def _conventions(settings: Settings, graph: nir.NIRGraph) -> tuple[Conventions, Assumptions]:
    """What NIR leaves open, by option, framework or default: timestep, reset and others."""
    plain, like = Conventions(), settings.like
    named = {} if like is None else framework_reading(like, graph)

    def answer(name: str, option: T | None, default: T, *, kind: type[T]) -> Chosen[T]:
        hints = {name: named.get("reset_mode" if name == "reset" else name)}
        return choose(name, option, {}, hints, default, kind=kind, hint_origin=f"like {like}")

    dt = answer("dt", settings.dt, plain.dt, kind=float)
    discretization = answer(
        "discretization", settings.discretization, plain.discretization, kind=str
    )
    reset = answer("reset", settings.reset, plain.reset_mode, kind=str)
    fires = answer("fires", settings.fires, plain.fires, kind=str)
    synapse = answer("synapse", settings.synapse, plain.synapse, kind=str)
    read_out = answer("read_out", settings.read_out, plain.read_out, kind=str)
    spikes = answer("max_spikes", settings.max_spikes, plain.max_spikes, kind=int)
    how = Conventions(
        dt.value,
        discretization.value,
        reset.value,
        fires.value,
        synapse.value,
        read_out.value,
        spikes.value,
        settings.min_membrane,
        settings.output_node,
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


def _ports(graph: nir.NIRGraph, how: Conventions) -> Iterator[Chosen[str]]:
    """How several Inputs and Outputs are taken; nothing for a graph with one of each."""
    nodes, sources = inlined(graph)
    shapes, ends = input_shapes(nodes), outputs_of(nodes, sources, how.output_node)
    if len(shapes) > 1:
        last = list(itertools.accumulate(math.prod(shape) for shape in shapes.values()))
        parts = zip(shapes, [0, *last], last, strict=False)
        places = ", ".join(f"{name} {first}-{end - 1}" for name, first, end in parts)
        yield Chosen("values of each Input", places, "file")
    if how.output_node is not None or ends.recorded or ends.left_out:
        yield Chosen("output_node", ends.read, "option" if how.output_node else "file")
    names = population_names(nodes)
    for name, population in ends.recorded.items():
        yield Chosen(f"Output {name}", f"the spikes of {names[population]}", "file")
    for name in ends.left_out:
        yield Chosen(f"Output {name}", "left out", "option")


def _input_size(graph: nir.NIRGraph, path: str | Path) -> int:
    """Number of values of all Input nodes."""
    try:
        return input_size(inlined(graph)[0])
    except UltralifError as error:
        raise UltralifError(f"{path}: {error}") from error
