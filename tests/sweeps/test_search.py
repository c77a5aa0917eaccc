"""Which points a seeded search chooses; figures come from a formula instead of deployments."""

import random
import sys
from collections.abc import Mapping
from typing import Any

import pytest

from support.commands import DEMO, refused
from support.reports import swept
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.schema.studies.sweep import SweptPoint
from ultralif_deploy.sweeps.points import Values
from ultralif_deploy.sweeps.search import ROUND, Search

VARY: dict[str, list[Any]] = {"bits": ["8", "4", "2"], "seed": list(range(12)), "gain": [0.5, 1.0]}


def given(values: Values) -> SweptPoint:
    """The smaller the seed, the better in everything."""
    return swept(0.9 - 0.05 * values["seed"], 1.0 + values["seed"], 8)


def searched(number: int, seed: int, vary: Mapping[str, list[Any]] = VARY) -> list[dict[str, Any]]:
    """The points of every round, by name."""
    search, points, rounds = Search(vary, number, seed), dict[str, SweptPoint](), list[Any]()
    while chosen := search.next(points):
        rounds.append(chosen)
        points |= {name: given(v) for name, v in chosen.items() if v["bits"] != "2"}
    return rounds


def test_every_round_has_new_points_and_the_seed_repeats_them() -> None:
    rounds = searched(20, seed=3)
    assert [len(one) for one in rounds] == [ROUND, ROUND, 4]
    assert len({name for one in rounds for name in one}) == 20
    assert all(values[n] in VARY[n] for one in rounds for values in one.values() for n in VARY)
    assert searched(20, seed=3) == rounds
    assert searched(20, seed=4)[0] != rounds[0]


def test_later_rounds_look_where_earlier_ones_were_good() -> None:
    wide = {"bits": ["8", "4"], "seed": random.Random(0).sample(range(200), 200)}
    means = []
    for seed in range(3):
        rounds = searched(32, seed, wide)
        means += [[sum(v["seed"] for v in one.values()) / ROUND for one in (rounds[0], rounds[3])]]
    assert all(last < first / 2 for first, last in means), means


def test_a_search_ends_with_the_whole_grid() -> None:
    small = {"bits": ["8", "4"], "seed": [0, 1, 2, 3, 4]}
    rounds = searched(100, 0, small)
    assert sum(map(len, rounds)) == 10
    assert len({name for one in rounds for name in one}) == 10


def test_what_a_search_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UltralifError, match="a search over 0 points; expected at least 1"):
        Search(VARY, 0, 0)
    with pytest.raises(UltralifError, match="bits: values 8, 8; expected at least one, each once"):
        Search({"bits": ["8", "8"]}, 2, 0)
    search = Search(VARY, 9, 0)
    points = {name: swept(None, 1.0, 1) for name in search.next({})}
    with pytest.raises(UltralifError, match="the samples have no labels; expected labels"):
        search.next(points)
    run = ("sweep", DEMO, "--data", "digits", "--vary", "bits=8,4", "--search", 2, "--points", 2)
    assert "points are drawn at random, a search chooses them; take one" in refused(*run)
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert "to install it: pip install 'ultralif-deploy[optuna]'" in refused(*run[:-2])
