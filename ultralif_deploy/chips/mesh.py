"""Where the cores of a placement sit on the mesh of a chip, so that spikes travel few hops.

A hop is a step between the routers of two tiles. A core's number counts the chips, then the rows
of tiles, then the cores of a tile. The cores of a chip first follow a curve that fills its mesh:
row by row, or in a second try up and down the columns, which keeps them in a compact block. Two
cores then exchange their places as long as this saves hops, those that save the most first. The
try with fewer hops is used. Chips, the number of tiles in use and the contents of cores stay.

Source: O. Jin et al., "Mapping Very Large Scale Spiking Neuron Network to Neuromorphic Hardware",
ASPLOS 2023, doi 10.1145/3582016.3582038: a curve first, then exchanges that the traffic pulls for.
They use the Hilbert curve, and exchange neighbours alone.
"""

import numpy as np
from scipy import sparse

from ultralif_deploy.chips import Chip


def hops(chip: Chip, mine: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """Hops between two sets of cores of one chip, int64 [mine, theirs, 2]: east-west, north-south.

    Args:
        chip: chip with the mesh.
        mine: numbers of cores, int64.
        theirs: the same.
    """

    def position(core: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        tile = core % chip.need("cores") // chip.need("tile_cores")
        return np.divmod(tile, chip.need("mesh_width"))

    (y, x), (down, across) = position(mine), position(theirs)
    return np.stack([np.abs(x[:, None] - across), np.abs(y[:, None] - down)], axis=2)


def arranged(chip: Chip, traffic: sparse.csr_array) -> np.ndarray:
    """Number of every core of a placement, int64 [core].

    Args:
        chip: chip with the mesh.
        traffic: messages from core to core, CSR [core, core].
    """
    cores, each = traffic.shape[0], chip.need("cores")
    numbers = np.arange(cores)
    for first in range(0, cores, each):
        own = slice(first, min(first + each, cores))
        numbers[own] = first + _on_one_chip(chip, traffic[own, own].toarray())
    return numbers


def _on_one_chip(chip: Chip, traffic: np.ndarray) -> np.ndarray:
    cores = len(traffic)
    if cores <= chip.need("tile_cores"):
        return np.arange(cores)
    both = (traffic + traffic.T).astype(np.float64)  # whole numbers, exact below 2^53
    np.fill_diagonal(both, 0)
    tries = [_exchanged(chip, both, curve[:cores]) for curve in _curves(chip)]
    return min(tries, key=lambda numbers: float((both * _apart(chip, numbers)).sum()))


def _curves(chip: Chip) -> tuple[np.ndarray, np.ndarray]:
    """All cores of a chip row by row, and up and down the columns of the mesh."""
    each, width = chip.need("tile_cores"), chip.need("mesh_width")
    cores = np.arange(chip.need("cores"))
    tiles = cores[: len(cores) // each].reshape(-1, width).T.copy()
    tiles[1::2] = tiles[1::2, ::-1]
    return cores, (tiles.reshape(-1, 1) * each + np.arange(each)).reshape(-1)


def _apart(chip: Chip, numbers: np.ndarray) -> np.ndarray:
    """Hops between all pairs of cores, float64 [core, core]."""
    return hops(chip, numbers, numbers).sum(axis=2).astype(np.float64)


def _exchanged(chip: Chip, both: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Numbers of the cores, after exchanges that save hops.

    With a_ij = messages between cores i and j, and d_ij = hops between them, an exchange of i and j
    adds Σ_k (a_ik - a_jk)·(d_jk - d_ik) + 2·a_ij·d_ij hops.

    Args:
        chip: chip with the mesh.
        both: messages in both directions, float64 [core, core], symmetric.
        start: numbers of the cores at first.
    """
    numbers, apart = start.copy(), _apart(chip, start)
    while True:
        there = both @ apart  # hops of the messages of one core from the place of another
        here = np.diag(there)
        added = there + there.T - here[:, None] - here + 2 * both * apart
        i, j = np.unravel_index(int(added.argmin()), added.shape)
        if added[i, j] >= 0:
            return numbers
        numbers[[i, j]] = numbers[[j, i]]
        apart[[i, j]] = apart[[j, i]]
        apart[:, [i, j]] = apart[:, [j, i]]
