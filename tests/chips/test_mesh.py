"""Cores on the mesh of a chip: what an exchange saves, and that nothing is left to save."""

from itertools import combinations

import numpy as np
import pytest
from scipy import sparse

from support.networks.placed import relays
from ultralif_deploy.chips import chip
from ultralif_deploy.chips.mesh import arranged, hops
from ultralif_deploy.chips.placement import place
from ultralif_deploy.program.graph import INPUT

LOIHI = chip("loihi1")  # 128 cores in tiles of 4, 8 tiles in a row


def travelled(traffic: np.ndarray, numbers: np.ndarray) -> int:
    return int((traffic * hops(LOIHI, numbers, numbers).sum(axis=2)).sum())


def drawn(cores: int, share: float = 0.2) -> np.ndarray:
    """Messages from core to core, between a share of all pairs."""
    rng = np.random.default_rng(cores)
    return rng.integers(0, 100, (cores, cores)) * (rng.random((cores, cores)) < share)


@pytest.mark.parametrize("cores", [3, 9, 22])
def test_no_exchange_of_two_cores_saves_a_hop(cores: int) -> None:
    traffic = drawn(cores)
    numbers = arranged(LOIHI, sparse.csr_array(traffic))
    best = travelled(traffic, numbers)
    assert best <= travelled(traffic, np.arange(cores))
    for i, j in combinations(range(cores), 2):
        other = numbers.copy()
        other[[i, j]] = other[[j, i]]
        assert travelled(traffic, other) >= best
    assert len(np.unique(numbers)) == cores
    assert len(np.unique(numbers // 4)) == -(-cores // 4)  # no more tiles in use


def test_cores_that_talk_share_a_tile() -> None:
    traffic = np.zeros((16, 16), dtype=np.int64)
    for core in range(16):
        traffic[core, core % 4 :: 4] = 7
    numbers = arranged(LOIHI, sparse.csr_array(traffic))
    assert travelled(traffic, np.arange(16)) > travelled(traffic, numbers) == 0


def test_cores_stay_on_their_chip() -> None:
    traffic = drawn(150, 0.005)
    numbers = arranged(LOIHI, sparse.csr_array(traffic))
    np.testing.assert_array_equal(numbers // 128, np.arange(150) // 128)
    alone = arranged(LOIHI, sparse.csr_array(traffic[:128, :128]))
    np.testing.assert_array_equal(numbers[:128], alone)
    assert len(np.unique(numbers)) == 150


def test_a_placement_says_which_cores_hold_a_population() -> None:
    program = relays(9 * 1024, 1, np.arange(0, 9 * 1024, 3))
    placement = place(program, LOIHI)
    assert INPUT not in placement.populations
    rows = placement.as_dict()["populations"]
    held = [number for row in rows.values() for number in row["core_numbers"]]
    assert sorted(held) == sorted(placement.numbers.tolist())
    assert all(len(row["core_numbers"]) == row["cores"] for row in rows.values())
