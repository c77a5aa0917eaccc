"""NIR files: lossless both ways, and what is stored is what runs."""

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import nir
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from support.comparisons import assert_same_trace
from support.networks.nir_files import (
    HIGH,
    LOW,
    Edit,
    added,
    assert_same_program,
    changed,
    every_kind,
)
from support.strategies.programs import programs
from support.strategies.shapes import inputs_for
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.exporters.nir.nodes import CUSTOM, FLAVOURS
from ultralif_deploy.exporters.nir.programs import program_to_graph, read_nir, write_nir
from ultralif_deploy.program.graph import Dense
from ultralif_deploy.program.program import executed_arrays
from ultralif_deploy.simulators.reference import simulator as reference

# Round trip


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_round_trip_of_every_kind(flavour: str, tmp_path: Path) -> None:
    path = tmp_path / "program.nir"
    write_nir(every_kind(), path, flavour)
    assert_same_program(read_nir(path), every_kind())


@settings(max_examples=45)
@given(st.data(), st.sampled_from(tuple(FLAVOURS)))
def test_round_trip_of_drawn_programs(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, flavour: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "drawn.nir"
    program = data.draw(programs())
    write_nir(program, path, flavour)
    loaded = read_nir(path)
    assert_same_program(loaded, program)
    inputs = data.draw(inputs_for(program, program.timesteps, 2))
    expected = reference.load(program).run(inputs, record=True)
    assert_same_trace(reference.load(loaded).run(inputs, record=True), expected)


def test_every_flavour_gives_the_same_program_and_its_own_nodes(tmp_path: Path) -> None:
    for flavour, kind in FLAVOURS.items():
        path = tmp_path / f"{flavour}.nir"
        write_nir(every_kind(), path, flavour)
        assert type(nir.read(path).nodes["fc_1"]) is kind


def test_file_is_standard_nir(tmp_path: Path) -> None:
    """`nir` itself reads it, with its type check, and finds the canonical form."""
    path = tmp_path / "program.nir"
    write_nir(every_kind(), path)
    graph = nir.read(path)
    node = graph.nodes["fc_1"]
    assert node.tau.dtype == np.float64
    assert_array_equal(node.tau, [1e-4] * 3)
    assert_array_equal(node.v_threshold, [0.5] * 3)
    assert_array_equal(graph.nodes["input_to_fc_1_2"].bias, [-9 - LOW, -1, 2**30 - HIGH])
    assert sum(isinstance(n, CUSTOM) for n in graph.nodes.values()) == 5


def test_same_program_gives_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `nir.write` gives them, also where something else holds on to the datasets."""
    expected = io.BytesIO()
    nir.write(expected, program_to_graph(every_kind(), "lif"))
    write_nir(every_kind(), tmp_path / "free")
    held: list[Any] = []
    for name in ("create_dataset", "create_group"):
        create = getattr(h5py.Group, name)

        def holding(*args: Any, create: Callable[..., Any] = create, **options: Any) -> Any:
            held.append(create(*args, **options))
            return held[-1]

        monkeypatch.setattr(h5py.Group, name, holding)
    write_nir(every_kind(), tmp_path / "held")
    assert held
    for name in ("free", "held"):
        assert (tmp_path / name).read_bytes() == expected.getvalue(), name


def test_custom_nodes_are_registered_once() -> None:
    for node in CUSTOM:
        assert nir.ir.__all_ir.count(node.__name__) == 1
        assert nir.ir.str2NIRNode(node.__name__) is node


# What is stored is what runs


@pytest.mark.parametrize(
    ("flavour", "edit", "array", "index", "step"),
    [
        ("lif", added("input_to_fc_1_2/weight", (2, 1), 1), "input->fc.1", (2, 1), 1),
        ("lif", added("class_/v_threshold", 1, 2), "class.threshold", 1, 2),
        ("lif", added("class_/v_threshold", 1, 0.4), "class.threshold", 1, 0),
        ("lif", added("fc_1_to_class_/bias", 1, 2), "class.threshold", 1, -2),
        ("cubalif", added("fc_1_to_class_/bias", 1, 2), "class.threshold", 1, -2),
        ("threshold", added("class_/threshold", 1, 2), "class.threshold", 1, 2),
        ("threshold", added("fc_1_to_class_/bias", 1, 2), "class.bias", 1, 2),
        ("lif", added("output_2/decay", 0, 2), "output.decay", 0, 2),
        ("lif", added("output_2/bias", 0, 2), "output.bias", 0, 2),
        ("lif", added("two_lines/threshold", 0, 2), "two lines.threshold", 0, 2),
        ("lif", added("output_2_to_output/bias", 2, 2), "read.bias", 2, 2),
    ],
)
def test_change_in_the_file_changes_the_program(
    flavour: str, edit: Edit, array: str, index: Any, step: int, tmp_path: Path
) -> None:
    path = tmp_path / "program.nir"
    write_nir(every_kind(), path, flavour)
    before = executed_arrays(every_kind())
    after = executed_arrays(read_nir(changed(path, edit)))
    for name, values in before.items():
        values = values.astype(np.int64)
        if name == array:
            values[index] += step
        assert_array_equal(after[name], values, name)


def test_changed_identity_becomes_dense(tmp_path: Path) -> None:
    path = tmp_path / "program.nir"
    write_nir(every_kind(), path)
    loaded = read_nir(changed(path, added("fc_1_to_class_/weight", (0, 2), 1)))
    (projection,) = [p for p in loaded.projections if p.name == "fc.1->class"]
    assert isinstance(projection.map, Dense)
    assert projection.map.weight[0, 2] == 1


def test_metadata_is_not_executed(tmp_path: Path) -> None:
    """The stored split of a bias moves bias and threshold together; spikes stay the same."""
    path = tmp_path / "program.nir"
    write_nir(every_kind(), path)
    loaded = read_nir(changed(path, added("class_/metadata/bias", 1, 5)))
    inputs = np.random.default_rng(0).integers(0, 256, (12, 4, 2)).astype(np.uint8)
    expected = reference.load(every_kind()).run(inputs, record=True)
    assert_same_trace(reference.load(loaded).run(inputs, record=True), expected)
    assert (
        executed_arrays(loaded)["class.bias"][1]
        == executed_arrays(every_kind())["class.bias"][1] + 5
    )


# Writing


def test_unknown_flavour_names_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(UltralifError, match="'if'; available: lif, cubalif, threshold"):
        write_nir(every_kind(), tmp_path / "program.nir", "if")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "value", [{1: 2}, (1, 2), np.float32(1), float("nan"), object(), {"a": {1}}]
)
def test_encoding_that_json_cannot_hold(value: Any, tmp_path: Path) -> None:
    program = replace(every_kind(), encoding={"a": value})
    with pytest.raises(UltralifError, match=r"encoding .* cannot be stored; expected text"):
        write_nir(program, tmp_path / "program.nir")
    assert not list(tmp_path.iterdir())


def test_unwritable_place(tmp_path: Path) -> None:
    with pytest.raises(UltralifError, match="cannot write there"):
        write_nir(every_kind(), tmp_path / "missing" / "program.nir")


def test_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "program.nir"
    path.write_text("old")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(UltralifError, match="No space left on device"):
        write_nir(every_kind(), path)
    assert [p.read_text() for p in tmp_path.iterdir()] == ["old"]
