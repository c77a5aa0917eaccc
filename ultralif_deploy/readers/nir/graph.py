"""NIR files of other tools, read safely, and graphs without subgraphs."""

from enum import Enum
from pathlib import Path
from typing import Any

import h5py
import nir
import numpy as np
from nir import serialization

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.exporters.nir.programs import METADATA_KEY
from ultralif_deploy.io.files import readable_file
from ultralif_deploy.io.hdf5 import check_hdf5
from ultralif_deploy.readers.nir.linear import LINEAR
from ultralif_deploy.readers.nir.neurons import POPULATIONS

NODE_TYPES = (nir.Input, nir.Output, nir.NIRGraph, *LINEAR, *POPULATIONS)
"""Every node type that can be taken over."""

HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"

Nodes = dict[str, nir.NIRNode]
Sources = dict[str, tuple[str, ...]]


class Kind(Enum):
    """What a file is."""

    CHECKPOINT = "a checkpoint"
    NETWORK = "a NIR file of another tool"
    PROGRAM = "a program that ultralif wrote"


def kind_of(path: str | Path) -> Kind:
    """What a file is: NIR by its first bytes or its name, a program by its metadata.

    Raises:
        UltralifError: an HDF5 file that is unsafe to open, or a .nir file that is no HDF5 file.
    """
    path = Path(path)
    if not path.is_file():
        return Kind.CHECKPOINT
    try:
        with path.open("rb") as file:
            is_hdf5 = file.read(len(HDF5_MAGIC)) == HDF5_MAGIC
    except OSError:
        return Kind.CHECKPOINT
    if not is_hdf5 and path.suffix != ".nir":
        return Kind.CHECKPOINT
    ours = ("node", "metadata", METADATA_KEY) in check_hdf5(path)
    return Kind.PROGRAM if ours else Kind.NETWORK


def read_graph(path: str | Path) -> nir.NIRGraph:
    """The graph in a NIR file; safe for untrusted files.

    Raises:
        UltralifError: no such graph, or a node type that is not taken over, by name.
    """
    path = readable_file(path)
    known = {t.__name__ for t in NODE_TYPES}
    for name, kind in check_hdf5(path).items():
        if name[-1] == "type" and name[-3:-2] == ("nodes",) and kind not in known:
            raise UltralifError(
                f"{path}: node {_clean(name[-2])!r} is of type {_clean(kind)!r}; expected one of "
                f"{', '.join(sorted(known))}"
            )
    try:
        with h5py.File(path, "r") as file:
            content = serialization.hdf2dict(file["node"])
        _unchecked(content)
        with np.errstate(all="ignore"):  # nir divides by strides of 0
            graph = nir.dict2NIRNode(content)
    except Exception as error:
        # nir answers malformed nodes with AssertionError, AttributeError, KeyError and others.
        reason = _clean(f"{type(error).__name__}: {error}")
        raise UltralifError(f"{path}: not a NIR graph ({reason}); export it again") from error
    if not isinstance(graph, nir.NIRGraph):
        raise UltralifError(f"{path}: holds a {type(graph).__name__}; expected a NIRGraph")
    return graph


def inlined(graph: nir.NIRGraph) -> tuple[Nodes, Sources]:
    """Nodes by name and the names before each, with the nodes of subgraphs in place of them.

    The inputs and outputs of subgraphs stay, as nodes that pass everything on (`inner_port`).

    Raises:
        UltralifError: edges between nodes that are not there, or subgraphs with several ports.
    """
    nodes: Nodes = {}
    edges: set[tuple[str, str]] = set()
    _collect("", graph, nodes, edges)
    sources: dict[str, list[str]] = {name: [] for name in nodes}
    for source, target in sorted(edges):
        sources[target].append(source)
    for kind in (nir.Input, nir.Output):
        if not any(isinstance(node, kind) for node in graph.nodes.values()):
            raise UltralifError(f"no {kind.__name__} node; expected at least one")
    return nodes, {name: tuple(before) for name, before in sources.items()}


def inner_port(name: str, node: nir.NIRNode) -> bool:
    """Whether a node is the input or output of a subgraph."""
    return "/" in name and isinstance(node, (nir.Input, nir.Output))


def _collect(prefix: str, graph: nir.NIRGraph, nodes: Nodes, edges: set[tuple[str, str]]) -> None:
    """Add a graph's nodes, their names with a prefix, and edges; `/` separates the levels."""
    entry: dict[str, str] = {}
    leave: dict[str, str] = {}
    for key, node in graph.nodes.items():
        name = f"{prefix}{key}"
        entry[key] = leave[key] = name
        if isinstance(node, nir.NIRGraph):
            for kind, ports in ((nir.Input, entry), (nir.Output, leave)):
                found = [k for k, inner in node.nodes.items() if isinstance(inner, kind)]
                if len(found) != 1:
                    raise UltralifError(
                        f"{name}: a subgraph with {len(found)} {kind.__name__} nodes; expected one"
                    )
                ports[key] = f"{name}/{found[0]}"
            _collect(f"{name}/", node, nodes, edges)
        elif not isinstance(node, NODE_TYPES):
            raise UltralifError(
                f"node {name!r} is of type {type(node).__name__!r}; expected one of "
                f"{', '.join(sorted(t.__name__ for t in NODE_TYPES))}"
            )
        else:
            nodes[name] = node
    for source, target in graph.edges:
        if source not in leave or target not in entry:
            raise UltralifError(f"edge {source!r} to {target!r}: no such node")
        edges.add((leave[source], entry[target]))


def _unchecked(content: dict[str, Any]) -> None:
    """Switch off the type check of every graph: it takes non-square kernels for mistakes."""
    content["type_check"] = False
    for node in content.get("nodes", {}).values():
        if isinstance(node, dict) and node.get("type") == "NIRGraph":
            _unchecked(node)


def _clean(text: object) -> str:
    line = " ".join(str(text).split())
    return line.encode("utf-8", "backslashreplace").decode()
