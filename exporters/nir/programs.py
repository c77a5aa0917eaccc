"""Programs as NIR files and back, without loss.

Every population is a node, and every projection is a Linear or Affine node between two of them. An
Integrator read-out is the Output: the values that arrive there at a timestep are its current, and
their sum over all timesteps gives the logits. A leaky read-out is a node before the Output. The
tool reads back the same nodes that other tools run. Metadata holds only what NIR cannot store: the
order of the populations, from which delayed projections follow; scales; the split of a folded
threshold into bias and threshold; the weight format; timesteps; divisor; and the encoding.
"""

import io
import json
import math
import operator
import reprlib
from pathlib import Path
from typing import Any

import nir
import numpy as np

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.exporters.nir.files import write_graph
from ultralif_deploy.exporters.nir.identifiers import identifier
from ultralif_deploy.exporters.nir.maps import VECTOR_MAPS, WEIGHTS, read_map, write_map
from ultralif_deploy.exporters.nir.neurons import (
    neuron_count,
    read_neurons,
    scale_of,
    write_neurons,
)
from ultralif_deploy.exporters.nir.nodes import FLAVOURS, NEURONS, NODE_TYPES, READOUTS
from ultralif_deploy.exporters.nir.values import whole, whole_float
from ultralif_deploy.io.files import readable_file, write_bytes
from ultralif_deploy.io.hdf5 import Texts, check_hdf5
from ultralif_deploy.program.graph import INPUT, Conv2d, Identity, Projection, shape_of
from ultralif_deploy.program.neurons import Integrator
from ultralif_deploy.program.program import FORMAT_VERSION, Input, Population, Program
from ultralif_deploy.program.weight_format import named

METADATA_KEY = "ultralif"
"""Name of the JSON text in the graph's metadata."""

OUTPUT = "output"

READOUT = "readout"
"""Node name of a read-out that is a node before the Output."""


def write_nir(program: Program, path: str | Path, flavour: str = "lif") -> None:
    """Write a program as a NIR file, whole or not at all; equal programs give equal bytes.

    Args:
        program: any.
        path: path of the file.
        flavour: node type of Threshold populations. `lif` and `cubalif` fold thresholds into biases
            and are executed exactly by the tools that read LIF or CubaLIF (in float32 as long as
            currents and biases stay below 2^24); `threshold` keeps them per neuron.

    Raises:
        UltralifError: unknown flavour; an encoding that JSON cannot hold; the disk.
    """
    if flavour not in FLAVOURS:
        raise UltralifError(f"NIR flavour {flavour!r}; available: {', '.join(FLAVOURS)}")
    graph = program_to_graph(program, flavour)
    # First in memory, because HDF5 reports a full disk in many different ways.
    buffer = io.BytesIO()
    write_graph(buffer, graph)
    write_bytes(path, buffer.getbuffer())


def read_nir(path: str | Path) -> Program:
    """Read a program from a NIR file that `write_nir` wrote; safe for untrusted files.

    Raises:
        UltralifError: not such a file, or the file was changed and is no program any more.
    """
    path = readable_file(path)
    try:
        info = _checked_info(check_hdf5(path))
        graph = _read_graph(path)
        try:
            return graph_to_program(graph, info)
        except UltralifError as error:
            raise UltralifError(f"{error}; undo the change or export the program again") from error
    except UltralifError as error:
        # Names from the file may hold line breaks or broken Unicode; a message is one clean line.
        line = " ".join(str(error).removeprefix(f"{path}: ").split())
        line = line.encode("utf-8", "backslashreplace").decode()
        raise UltralifError(f"{path}: {line}") from error


def program_to_graph(program: Program, flavour: str) -> nir.NIRGraph:
    """The program as a NIR graph; node names are derived from the population names."""
    taken = {INPUT, OUTPUT}
    names = {INPUT: INPUT}
    for population in program.populations[:-1]:
        names[population.name] = identifier(population.name, taken)
    readout = program.readout
    summed = readout.neuron.SUMS
    names[readout.name] = OUTPUT if summed else identifier(READOUT, taken)
    shapes = {INPUT: shape_of(INPUT, program.input.size, program.projections)} | {
        p.name: shape_of(p.name, p.size, program.projections) for p in program.populations
    }
    nodes: dict[str, nir.NIRNode] = {INPUT: nir.Input(np.array(shapes[INPUT]))}
    edges: list[tuple[str, str]] = []
    biases = {readout.name: readout.bias.astype(np.float64)}
    for population in program.populations[: -1 if summed else None]:
        carrier = _bias_carrier(program, population.name)
        node, biases[population.name] = write_neurons(
            population, flavour, shapes[population.name], by_channel=isinstance(carrier.map, Conv2d)
        )
        nodes[names[population.name]] = node
    scale = {"scale": readout.scale} if summed else {}
    nodes[OUTPUT] = nir.Output(np.array(shapes[readout.name]), metadata=scale)
    carriers = {
        p.name: _bias_carrier(program, p.name) for p in program.populations if biases[p.name].any()
    }
    identities = []
    flattened: dict[str, str] = {}
    # Delayed projections come first, because some tools take the last node as the output.
    for projection in sorted(program.projections, key=lambda p: p.name not in program.delayed):
        source, target = names[projection.source], names[projection.target]
        name = identifier(f"{source}_to_{target}", taken)
        carries = carriers.get(projection.target) is projection
        bias = biases[projection.target] if carries else None
        nodes[name] = write_map(projection, bias, shapes[projection.source])
        if isinstance(projection.map, Identity):
            identities.append(name)
        if len(shapes[projection.source]) == 3 and isinstance(nodes[name], VECTOR_MAPS):
            flat = flattened.get(source)
            if flat is None:
                flat = flattened[source] = identifier(f"{source}_flat", taken)
                shape = {"input": np.array(shapes[projection.source])}
                nodes[flat] = nir.Flatten(shape, start_dim=0, end_dim=-1)
                edges.append((source, flat))
            source = flat
        edges += [(source, name), (name, target)]
    if not summed:
        edges.append((names[readout.name], OUTPUT))
    info: dict[str, object] = {
        "format_version": FORMAT_VERSION,
        "weight_format": named(program.formats),
        "timesteps": program.timesteps,
        "divisor": program.divisor,
        "encoding": dict(program.encoding),
        "input_maximum": program.input.maximum,
        "populations": [[p.name, names[p.name]] for p in program.populations],
        "projections": [p.name for p in program.projections],
        "identities": identities,
    }
    # No type check, because it adds an Output to a population that drives nothing.
    return nir.NIRGraph(nodes, edges, metadata={METADATA_KEY: _json(info)}, type_check=False)


def _bias_carrier(program: Program, name: str) -> Projection:
    """The projection whose node holds a population's bias. It must not be delayed."""
    return min(
        program.incoming(name),
        key=lambda p: (p.name in program.delayed, isinstance(p.map, Conv2d)),
    )


def _json(info: dict[str, object]) -> str:
    try:
        text = json.dumps(info, allow_nan=False, default=operator.index, sort_keys=True)
        same = json.loads(text) == info
    except (TypeError, ValueError, RecursionError):
        same = False
    if not same:
        raise UltralifError(
            f"encoding {_short(info['encoding'])} cannot be stored; expected text, finite numbers, "
            "lists and dictionaries with text keys"
        )
    return text


def _checked_info(texts: Texts) -> dict[str, Any]:
    """The metadata, after a look at format version and node types."""
    text = texts.get(("node", "metadata", METADATA_KEY))
    if text is None:
        raise UltralifError(
            f"no {METADATA_KEY} metadata, so it was written by another tool; only programs that "
            "ultralif wrote can be read"
        )
    try:
        info = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UltralifError(f"{METADATA_KEY} metadata is not JSON ({error})") from error
    if not isinstance(info, dict):
        raise UltralifError(f"{METADATA_KEY} metadata is no JSON object")
    version = info.get("format_version")
    if type(version) is not int or version != FORMAT_VERSION:
        raise UltralifError(
            f"format version {_short(version)}; this ultralif reads {FORMAT_VERSION}: use the "
            "version that wrote it, or export the program again"
        )
    for name, kind in texts.items():
        is_type = len(name) == 4 and name[:2] == ("node", "nodes") and name[3] == "type"
        if is_type and kind not in NODE_TYPES:
            raise UltralifError(
                f"node {_short(name[2])} is of type {_short(kind)}; expected one of "
                f"{', '.join(NODE_TYPES)}"
            )
    return info


def _read_graph(path: Path) -> nir.NIRGraph:
    try:
        graph = nir.read(path, type_check=False)
    except Exception as error:
        # For malformed nodes, nir raises AssertionError, AttributeError, KeyError and others.
        raise UltralifError(
            f"not a NIR graph ({type(error).__name__}: {error}); export the program again"
        ) from error
    if not isinstance(graph, nir.NIRGraph):
        raise UltralifError(f"holds a {type(graph).__name__}; expected a NIRGraph")
    return graph


def graph_to_program(graph: nir.NIRGraph, info: dict[str, Any]) -> Program:
    """The program that a graph executes; `info` is the metadata that `program_to_graph` wrote.

    Raises:
        UltralifError: naming the node or the metadata, what was found and what was expected.
    """
    nodes = graph.nodes
    names = _population_names(nodes, info)
    projections, biases = _projections(graph, names, info)
    populations = []
    for node_name, name in names.items():
        node = nodes[node_name]
        if node_name == OUTPUT:
            size = _declared_size(node_name, node.output_type["output"])
            scale = scale_of(name, node, size)  # before anything of this size is made
            bias = _bias(name, biases, size)
            populations.append(Population(name, size, Integrator(), bias, scale))
        elif node_name != INPUT:
            size = neuron_count(name, node)
            populations.append(read_neurons(name, node, _bias(name, biases, size)))
    return Program(
        Input(
            _declared_size(INPUT, nodes[INPUT].input_type["input"]),
            _value(info, "input_maximum", int),
        ),
        tuple(populations),
        tuple(projections),
        _weight_format(info),
        _value(info, "timesteps", int),
        _value(info, "divisor", int),
        _value(info, "encoding", dict),
    )


def _population_names(nodes: dict[str, nir.NIRNode], info: dict[str, Any]) -> dict[str, str]:
    """Population name by node name, in the program's order; the input is first."""
    names = {INPUT: INPUT}
    for pair in _value(info, "populations", list):
        if not (isinstance(pair, list) and len(pair) == 2 and all(type(x) is str for x in pair)):
            raise UltralifError(f"metadata populations: {_short(pair)}; expected [name, node]")
        names[pair[1]] = pair[0]
    kinds = {INPUT: nir.Input, OUTPUT: nir.Output}
    for node_name in names:
        if not isinstance(nodes.get(node_name), kinds.get(node_name, NEURONS)):
            found = type(nodes[node_name]).__name__ if node_name in nodes else "no node"
            raise UltralifError(f"node {_short(node_name)}: found {found}; expected a population")
    for node_name, node in nodes.items():
        weight = isinstance(node, (*WEIGHTS, nir.Flatten))
        if node_name not in names and node_name != OUTPUT and not weight:
            raise UltralifError(
                f"node {_short(node_name)} is not in the metadata's order of populations"
            )
    last = list(names)[-1]
    leaky = isinstance(nodes[last], READOUTS)
    if OUTPUT not in nodes or (last != OUTPUT and not leaky):
        raise UltralifError(f"no node {OUTPUT!r}; expected the read-out there")
    return names


def _projections(
    graph: nir.NIRGraph, names: dict[str, str], info: dict[str, Any]
) -> tuple[list[Projection], dict[str, np.ndarray]]:
    """Projections in the program's order, and the summed biases int64 by population."""
    weights = {k: node for k, node in graph.nodes.items() if isinstance(node, WEIGHTS)}
    sent = dict(names)  # population by the nodes that send its spikes, flattened or not
    for source, target in graph.edges:
        if isinstance(graph.nodes.get(target), nir.Flatten) and source in names:
            sent[target] = names[source]
    sources: dict[str, list[str]] = {k: [] for k in weights}
    targets: dict[str, list[str]] = {k: [] for k in weights}
    for source, target in graph.edges:
        if isinstance(graph.nodes.get(target), nir.Flatten) and source in names:
            continue
        if source in sent and target in weights:
            sources[target].append(sent[source])
        elif source in weights and target in names:
            targets[source].append(names[target])
        elif target != OUTPUT or source != list(names)[-1]:
            raise UltralifError(
                f"edge {_short(source)} to {_short(target)}; expected edges between a population "
                "and a weight node"
            )
    identities = {name for name in _value(info, "identities", list) if type(name) is str}
    projections: list[Projection] = []
    biases: dict[str, np.ndarray] = {}
    for k, node in weights.items():
        if len(sources[k]) != 1 or len(targets[k]) != 1:
            raise UltralifError(
                f"node {_short(k)}: {len(sources[k])} edges in, {len(targets[k])} out; expected "
                "one each"
            )
        target = targets[k][0]
        linear, bias = read_map(k, node, k in identities)
        projections.append(Projection(sources[k][0], target, linear))
        if bias is not None:
            if biases.get(target, bias).shape != bias.shape:
                raise UltralifError(f"{target}: biases of different lengths; expected one length")
            biases[target] = biases.get(target, np.int64(0)) + bias
    names_in_order = _value(info, "projections", list)
    if not all(type(name) is str for name in names_in_order):
        raise UltralifError("metadata projections: expected names")
    order = {name: i for i, name in enumerate(names_in_order)}
    return sorted(projections, key=lambda p: order.get(p.name, len(order))), biases


def _bias(name: str, biases: dict[str, np.ndarray], size: int) -> np.ndarray:
    bias = biases.get(name, np.zeros(size, dtype=np.int64))
    return whole(bias, np.int64, size, f"{name}: bias")


def _declared_size(name: str, shape: Any) -> int:
    if np.shape(shape) not in ((1,), (3,)):
        raise UltralifError(f"node {name!r}: shape {_short(shape)}; expected one or three numbers")
    sizes = whole_float(shape, len(shape), f"node {name!r}: shape")
    return math.prod(int(size) for size in sizes)


def _value(info: dict[str, Any], key: str, kind: type) -> Any:
    value = info.get(key)
    if type(value) is not kind:
        raise UltralifError(f"metadata {key} = {_short(value)}; expected {kind.__name__}")
    return value


def _weight_format(info: dict[str, Any]) -> str | dict[str, str]:
    """One format, or that of each population; the Program checks names and formats."""
    value = info.get("weight_format")
    if type(value) is dict and all(type(one) is str for one in value.values()):
        return value
    return str(_value(info, "weight_format", str))


def _short(value: Any) -> str:
    return reprlib.repr(value)
