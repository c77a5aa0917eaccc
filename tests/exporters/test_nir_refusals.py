"""NIR files whose content is no program end in one line, whatever is wrong with it."""

import json
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import nir
import numpy as np
import pytest

from support.networks.nir_changes import refusal, removed, scalar
from support.networks.nir_files import METADATA, NODES, Edit, added, changed, every_kind, put
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.exporters.nir.programs import read_nir, write_nir
from ultralif_deploy.program.graph import INPUT, Identity, Projection
from ultralif_deploy.program.neurons import Integrator, LogMaxLIF, Threshold, UltraDLIF
from ultralif_deploy.program.program import FORMAT_VERSION, Input, Population, Program


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("every-kind") / "program.nir"
    write_nir(every_kind(), path)
    return path.read_bytes()


@pytest.fixture
def stored(tmp_path: Path, written: bytes) -> Path:
    path = tmp_path / "program.nir"
    path.write_bytes(written)
    return path


def info(**fields: Any) -> Edit:
    """Change fields of the metadata; None removes one."""

    def edit(file: h5py.File) -> None:
        stored = json.loads(file[METADATA][()]) | fields
        put(file, METADATA, json.dumps({k: v for k, v in stored.items() if v is not None}))

    return edit


def node(name: str, **fields: Any) -> Edit:
    """Change fields of a node; None removes one."""

    def edit(file: h5py.File) -> None:
        for field, value in fields.items():
            put(file, f"{NODES}/{name}/{field}", 0 if value is None else value)
            if value is None:
                del file[f"{NODES}/{name}/{field}"]

    return edit


def edges(change: Callable[[list[list[str]]], Any]) -> Edit:
    def edit(file: h5py.File) -> None:
        stored = [[a.decode(), b.decode()] for a, b in file["node/edges"][()]]
        change(stored)
        put(file, "node/edges", stored)

    return edit


def extra_node(file: h5py.File) -> None:
    file.copy(f"{NODES}/class_", f"{NODES}/more")


def broken_name(file: h5py.File) -> None:
    """A name that no terminal can print, and something wrong with its population."""
    stored = json.loads(file[METADATA][()])["populations"]
    info(populations=[[f"{name}\ud800", node] for name, node in stored])(file)
    added("two_lines/decay", 0, -1)(file)


FIRST = "input_to_fc_1_2"
CONTENT_CASES: dict[str, tuple[Edit, str]] = {
    "foreign": (
        removed(METADATA),
        "no ultralif metadata, so it was written by another tool; only programs that ultralif",
    ),
    "not JSON": (scalar(METADATA, "{"), "ultralif metadata is not JSON"),
    "deep JSON": (scalar(METADATA, "[" * 200_000), "ultralif metadata is not JSON"),
    "no object": (scalar(METADATA, "[]"), "ultralif metadata is no JSON object"),
    "newer version": (
        info(format_version=FORMAT_VERSION + 1),
        rf"format version {FORMAT_VERSION + 1}; this ultralif reads {FORMAT_VERSION}: use the",
    ),
    "no version": (info(format_version=None), "format version None"),
    "true version": (info(format_version=True), "format version True"),
    "unknown node": (
        node("fc_1", type="IF"),
        "node 'fc_1' is of type 'IF'; expected one of Input, Output, Flatten, Linear",
    ),
    "inner graph": (node("fc_1", type="NIRGraph"), "node 'fc_1' is of type 'NIRGraph'; expected"),
    "fixed text type": (node("fc_1", type=np.bytes_(b"\nNo")), r"'fc_1' is of type '\\nNo'"),
    "no graph": (scalar("node/type", "Linear"), "not a NIR graph"),
    "no type": (removed("node/type"), "not a NIR graph .KeyError"),
    "no nodes": (removed(NODES), "not a NIR graph .AssertionError"),
    "no edges": (removed("node/edges"), "not a NIR graph .AssertionError"),
    "missing field": (node("fc_1", tau=None), "not a NIR graph .TypeError"),
    "extra field": (node("fc_1", extra=1), "not a NIR graph .TypeError"),
    "no size": (removed(f"{NODES}/input/shape"), "not a NIR graph .KeyError"),
    "fraction": (
        added(f"{FIRST}/weight", (0, 0), 0.5),
        f"node '{FIRST}': weight: not whole numbers",
    ),
    "too large": (
        added(f"{FIRST}/weight", (0, 0), 999),
        f"node '{FIRST}': weight: values from .* expected -128 to 127",
    ),
    "NaN": (added(f"{FIRST}/weight", (0, 0), np.nan), "weight: values that are NaN or infinite"),
    "infinite": (added(f"{FIRST}/weight", (0, 0), np.inf), "weight: values that are NaN or inf"),
    "signalling NaN": (
        node(FIRST, weight=np.full((3, 2), 0x7FA00000, dtype=np.uint32).view(np.float32)),
        "weight: values that are NaN or infinite",
    ),
    "text weights": (
        node(FIRST, weight=[[b"a", b"b"]] * 3),
        "weight: values of type object; expected",
    ),
    "cube": (
        node(FIRST, weight=np.zeros((3, 2, 1))),
        r"weight of shape \(3, 2, 1\); expected a matrix",
    ),
    "other columns": (
        node(FIRST, weight=np.zeros((3, 5))),
        "input->fc.1: the map has 5 values at 'input'; expected 2",
    ),
    "other rows": (node(FIRST, weight=np.zeros((4, 2))), r"bias: shape \(3,\); expected \(4,\)"),
    "bias fraction": (added(f"{FIRST}/bias", 0, 0.5), f"node '{FIRST}': bias: not whole numbers"),
    "bias too large": (
        added(f"{FIRST}/bias", 0, 1e300),
        "bias: reaches 1e.300; expected at most 2.53",
    ),
    "bias out of range": (added(f"{FIRST}/bias", 1, 1e12), "fc.1: threshold: values from"),
    "bias elsewhere": (
        node("output_2_to_two_lines", type="Affine", bias=np.ones(3)),
        "a weight node before a FixedPointLIF has a bias; expected it in the node itself",
    ),
    "two biases": (
        node("class__to_output_2", type="Affine", bias=np.ones(4), weight=np.zeros((4, 3))),
        r"output: bias: shape \(4,\); expected \(3,\)",
    ),
    "memory": (
        added("fc_1/tau", 1, 1e-3),
        r"fc.1: tau = 0.0011; expected 0.0001, a threshold unit without memory",
    ),
    "leak": (added("fc_1/v_leak", 1, 1), "fc.1: v_leak = 1; expected 0"),
    "no threshold": (added("fc_1/v_threshold", 0, np.nan), "fc.1: threshold: values that are NaN"),
    "matrix threshold": (
        node(
            "fc_1",
            **dict.fromkeys(["v_threshold", "v_reset", "r", "tau", "v_leak"], np.ones((3, 1))),
        ),
        r"fc.1: v_threshold of shape \(3, 1\); expected one value per neuron",
    ),
    "decay": (added("two_lines/decay", 0, -1), "two lines: decay outside 0 to 4096"),
    "broken name": (broken_name, r"two lines\\ud800: decay outside 0 to 4096"),
    "form": (node("input_to_fc_1", form="round"), "form 'round'; expected released or paper"),
    "form number": (node("input_to_fc_1", form=3), "form is no text; expected released or paper"),
    "stride": (node("input_to_fc_1", stride=4), "ring stride 4; expected 1 to its 3 neurons"),
    "stride text": (node("input_to_fc_1", stride="x"), "stride: values of type"),
    "strides": (node("input_to_fc_1", stride=[1, 1]), r"stride: shape \(2,\); expected \(\)"),
    "shift": (node("soft", shift=24), "4 entries and shift 24; expected .* a shift from 0 to 23"),
    "half shift": (node("soft", shift=0.5), "soft: shift: not whole numbers"),
    "matrix table": (node("soft", table=np.ones((2, 2))), r"table of shape \(2, 2\); expected a"),
    "empty table": (node("soft", table=np.ones(0)), "table of 0 entries"),
    "long table": (node("soft", table=np.ones(4097)), "table of 4097 entries"),
    "high table": (node("soft", table=[8388608]), "table from 8388608 to 8388608; expected 0"),
    "negative table": (node("soft", table=[0, -1]), "table from -1 to 0; expected 0"),
    "int64": (node("input_to_fc_1", decay=[0, 1, 2**40]), "decay: values from 0 to 1099511627776"),
    "no scale": (
        removed(f"{NODES}/fc_1/metadata"),
        "fc.1: no scale in the node's metadata; expected 3",
    ),
    "scale 0": (node("fc_1", **{"metadata/scale": np.zeros(3)}), "fc.1: scale must be above 0"),
    "long double": (
        node("fc_1", **{"metadata/scale": np.ones(3, dtype=np.longdouble)}),
        "fc.1: scale: values of type float128; expected numbers",
    ),
    "split": (node("class_", **{"metadata/bias": np.zeros(9)}), "metadata bias: shape"),
    "vast output": (node("output", shape=[10**15]), r"read: scale: shape \(3,\); expected \(1000"),
    "vast input": (node("input", shape=[10**15]), "the map has 2 values at 'input'; expected 1000"),
    "two outputs sizes": (
        node("output", shape=[3, 1]),
        "node 'output': shape .* expected one or three numbers",
    ),
    "edge to nothing": (
        edges(lambda e: e[0].__setitem__(1, "gone")),
        "edge '.*' to 'gone'; expected edges between a population and a weight node",
    ),
    "direct edge": (
        edges(lambda e: e.append(["input", "fc_1"])),
        "edge 'input' to 'fc_1'; expected",
    ),
    "double edge": (edges(lambda e: e.append(e[0])), "2 edges in, 1 out; expected one each"),
    "lost edge": (edges(lambda e: e.pop()), "1 edges in, 0 out; expected one each"),
    "out of the read-out": (
        edges(lambda e: e[0].__setitem__(0, "output")),
        "the read-out drives nothing",
    ),
    "unlisted population": (
        extra_node,
        "node 'more' is not in the metadata's order of populations",
    ),
    "listed twice": (
        info(populations=[["a", "class_"], ["a", "fc_1"]]),
        "is not in the metadata's order",
    ),
    "no populations": (info(populations=None), "metadata populations = None; expected list"),
    "odd populations": (info(populations=[["a", 3]]), "populations: .* expected .name, node."),
    "lost population": (
        info(populations=[["a", "gone"]]),
        "node 'gone': found no node; expected a p",
    ),
    "weights as population": (
        info(populations=[["a", FIRST]]),
        f"node '{FIRST}': found Affine; expected a population",
    ),
    "wrong order": (info(populations=[["read", "output"]]), "is not in the metadata's order"),
    "projections": (info(projections=[3]), "metadata projections: expected names"),
    "identities": (info(identities=3), "metadata identities = 3; expected list"),
    "timesteps": (info(timesteps="9"), "metadata timesteps = '9'; expected int"),
    "timesteps 0": (info(timesteps=0), "timesteps 0, divisor 5; expected at least 1"),
    "true divisor": (info(divisor=True), "metadata divisor = True; expected int"),
    "maximum": (info(input_maximum=256), "input: size 2, maximum 256; expected"),
    "format": (info(weight_format=8), "metadata weight_format = 8; expected str"),
    "encoding": (info(encoding=[]), "metadata encoding = .*; expected dict"),
}


@pytest.mark.parametrize("case", CONTENT_CASES)
def test_content_that_is_no_program(case: str, stored: Path) -> None:
    edit, message = CONTENT_CASES[case]
    found = refusal(changed(stored, edit))
    assert re.search(message, found), found


def test_foreign_file(tmp_path: Path) -> None:
    path = tmp_path / "foreign.nir"
    pooling = nir.SumPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0]))
    nir.write(path, nir.NIRGraph.from_list(nir.Input(np.array([1, 4, 4])), pooling))
    assert "written by another tool" in refusal(path)


def test_every_object_replaced_or_removed(tmp_path: Path) -> None:
    """Whatever a single object of the file becomes, reading gives a program or one line."""
    small = tmp_path / "small.nir"
    neuron = UltraDLIF(np.array([3]), np.array([5]), "paper")
    soft = LogMaxLIF(np.array([3]), np.array([5]), np.array([2, 1]), 4)
    populations = (
        Population("a", 1, Threshold(np.array([2])), np.array([1]), np.ones(1)),
        Population("b", 1, neuron, np.array([1]), np.ones(1)),
        Population("c", 1, soft, np.array([1]), np.ones(1)),
        Population("out", 1, Integrator(), np.array([1]), np.ones(1)),
    )
    names = (INPUT, "a", "b", "c", "out")
    projections = [Projection(*ends, Identity(1)) for ends in pairwise(names)]
    write_nir(Program(Input(1), populations, tuple(projections), "8", 3, 1), small)
    objects: list[str] = []
    with h5py.File(small) as file:
        file.visit(objects.append)
    values: list[Any] = [-1, "x", [[1e30]], [b"a", b"b"], {}, None]
    path = tmp_path / "changed.nir"
    messages: list[str] = []
    for name in objects:
        for value in values:
            path.write_bytes(small.read_bytes())
            with h5py.File(path, "r+") as file:
                del file[name]
                if value == {}:
                    file.create_group(name)
                elif value is not None:
                    file[name] = value
            try:
                read_nir(path)
            except UltralifError as error:
                messages.append(str(error))
    assert 0.8 * len(objects) * len(values) < len(messages) < len(objects) * len(values)
    assert all(message.isprintable() for message in messages)
