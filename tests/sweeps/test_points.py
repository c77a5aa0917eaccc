"""The grid of a sweep, and the front of its points."""

from typing import Any

import pytest

from support.reports import swept
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.soft.anneal import AnnealOptions
from ultralif_deploy.sweeps.points import Deployment, grid, point_name
from ultralif_deploy.sweeps.rows import deciding_device, judged
from ultralif_deploy.verify.accuracy.front import undominated

VARY: dict[str, list[Any]] = {"bits": ["8", "4"], "seed": [0, 1, 2]}


def test_a_grid_has_every_combination_once() -> None:
    found = grid(VARY)
    assert list(found)[:2] == ["bits=8,seed=0", "bits=8,seed=1"]
    assert len(found) == 6
    assert found["bits=4,seed=2"] == {"bits": "4", "seed": 2}


def test_points_drawn_at_random_repeat_with_the_seed() -> None:
    drawn = grid(VARY, points=3, seed=1)
    assert list(drawn) == list(grid(VARY, points=3, seed=1))
    assert len(drawn) == 3
    assert set(drawn) < set(grid(VARY))
    assert any(set(grid(VARY, points=3, seed=s)) != set(drawn) for s in range(2, 6))
    assert list(grid(VARY, points=100)) == list(grid(VARY))


@pytest.mark.parametrize(
    ("vary", "points", "line"),
    [
        ({}, None, "nothing varies"),
        ({"bits": []}, None, "bits: values none; expected at least one"),
        ({"bits": ["8", "8"]}, None, "bits: values 8, 8; expected at least one, each once"),
        (VARY, 0, "0 points; expected at least 1"),
    ],
)
def test_grids_that_are_refused(vary: dict[str, list[Any]], points: int | None, line: str) -> None:
    with pytest.raises(UltralifError, match=line):
        grid(vary, points)


def test_names_hold_what_file_systems_take() -> None:
    assert point_name({"neuron": "a/b", "tau": None, "gain": -0.5}) == (
        "neuron=a_b,tau=none,gain=-0.5"
    )


def test_values_go_where_deploy_takes_them() -> None:
    base = Deployment(anneal=AnnealOptions(epochs=3, bits="8"))
    made = base.with_values({"bits": "4", "sparsity": 0.1, "timesteps": 5, "part": "up5k"})
    assert (made.part, made.lanes) == ("up5k", None)
    assert (made.bits, made.settings.timesteps) == ("4", 5)
    assert made.anneal == AnnealOptions(epochs=3, sparsity=0.1, bits="4")
    assert base.with_values({"bits": "auto"}).anneal == AnnealOptions(epochs=3)
    with pytest.raises(UltralifError, match="data cannot vary; expected one of bits, epochs"):
        base.with_values({"data": "digits"})
    with pytest.raises(UltralifError, match="epochs varies, but nothing is annealed"):
        Deployment().with_values({"epochs": 2})


def test_budgets_are_for_bits_that_are_chosen() -> None:
    base = Deployment(weight_memory=40, max_energy=1e-9, max_cores={"loihi2": 1})
    budgets = {"weight_memory": 40, "max_energy": 1e-9, "max_cores": {"loihi2": 1}}
    chosen = base.with_values({"bits": "auto"}).arguments()
    assert {name: chosen[name] for name in budgets} == budgets
    given = base.with_values({"bits": "4"}).arguments()
    assert {name: given[name] for name in budgets} == dict.fromkeys(budgets)


def test_budgets_may_vary_where_bits_are_chosen() -> None:
    values = {"weight_memory": 20, "max_cores": {"loihi2": 2, "loihi1": 1}, "bits": "auto"}
    made = Deployment(weight_memory=40).with_values(values)
    assert (made.weight_memory, made.max_cores) == (20, values["max_cores"])
    assert point_name(values) == "weight_memory=20,max_cores=loihi2-2+loihi1-1,bits=auto"
    with pytest.raises(
        UltralifError, match="max_energy varies, but bits are 8; expected bits auto"
    ):
        Deployment().with_values({"max_energy": 1e-9})


def test_the_front_and_the_best_point() -> None:
    points = {
        "accurate": swept(0.90, 9.0, 90),
        "cheap": swept(0.897, 3.0, 60),
        "small": swept(0.897, 4.0, 50),
        "beaten": swept(0.897, 4.0, 60),
        "weak": swept(0.80, 1.0, 10),
        "fails": swept(0.99, 0.1, 1, verdict="no"),
        "unlabelled": swept(None, 0.1, 1),
    }
    found = judged(points, within=0.5)
    assert {n for n, one in found.items() if one["on_front"]} == {
        *("accurate", "cheap", "small", "weak")
    }
    assert [n for n, one in found.items() if one["best"]] == ["cheap"]
    assert [n for n, one in judged(points, within=0.1).items() if one["best"]] == ["accurate"]
    assert [n for n, one in judged(points, within=20).items() if one["best"]] == ["weak"]
    assert deciding_device(points) == "b"
    assert deciding_device({"x": swept(0.9, None, 1)}) is None


def test_the_front_of_a_figure() -> None:
    places = [(1.0, -0.8), (2.0, -0.9), (3.0, -0.9), (2.0, -0.9), (0.5, -0.1)]
    assert undominated(places) == [True, True, False, True, True]
