"""Groups of populations that can run one after the other, each over all timesteps at once.

Two populations are in one stage if each hears the other, however late. Such a stage must run
timestep by timestep. Every other population runs over all timesteps at once, after those that it
hears; a delayed projection into it is then a shift by one timestep. So a delay of many timesteps,
which is a chain of as many populations, costs one short call for each of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any

import numpy as np

from ultralif_deploy.program.graph import INPUT, Projection, delayed_projections


@dataclass(frozen=True, slots=True)
class Stage:
    """Populations that run together.

    Attributes:
        populations: their names, in the order of their updates.
        loops: whether a projection leads from one of them to one of them.
        ended: sources whose values no later stage hears.
    """

    populations: tuple[str, ...]
    loops: bool
    ended: tuple[str, ...]


def stages(populations: Sequence[Any], projections: Sequence[Projection]) -> tuple[Stage, ...]:
    """All populations in stages, in an order in which no stage hears a later one.

    Args:
        populations: objects with `name`, in the order of their updates.
        projections: all projections between them.
    """
    names = [p.name for p in populations]
    heard = [(p.source, p.target) for p in projections if p.source != INPUT]
    late = delayed_projections(populations, projections)
    group = _groups(names, heard) if late else {name: i for i, name in enumerate(names)}
    members: dict[int, list[str]] = {}
    for name in names:
        members.setdefault(group[name], []).append(name)
    before: dict[int, set[int]] = {number: set() for number in members}
    inner: set[int] = set()
    for source, target in heard:
        if group[source] == group[target]:
            inner.add(group[target])
        else:
            before[group[target]].add(group[source])
    order = list(TopologicalSorter(before).static_order())
    place = {name: at for at, number in enumerate(order) for name in members[number]}
    last = place | {INPUT: 0}
    for projection in projections:
        source = projection.source
        last[source] = max(last[source], place[projection.target])
    ended: list[list[str]] = [[] for _ in order]
    for source, at in last.items():
        ended[at].append(source)
    return tuple(
        Stage(tuple(members[number]), number in inner, tuple(ended[at]))
        for at, number in enumerate(order)
    )


def _groups(names: Sequence[str], heard: Sequence[tuple[str, str]]) -> dict[str, int]:
    """A number for each population; two have the same number if each leads to the other."""
    from scipy import sparse  # only networks with delayed projections pay for the import

    place = {name: at for at, name in enumerate(names)}
    rows, columns = np.array([(place[s], place[t]) for s, t in heard], dtype=np.int64).T
    graph = sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=(len(names), len(names)))
    _, numbers = sparse.csgraph.connected_components(graph, connection="strong")
    return {name: int(numbers[at]) for name, at in place.items()}


def one_later(sent: np.ndarray, before: np.ndarray | None = None) -> np.ndarray:
    """What a delayed projection carries at every timestep: what was sent in the one before.

    Args:
        sent: values [time, batch, source].
        before: what was sent before the first timestep, [1, batch, source]; None is nothing.
    """
    first = np.zeros_like(sent[:1]) if before is None else before
    return np.concatenate([first, sent[:-1]])[: len(sent)]
