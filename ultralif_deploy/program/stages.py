"""Groups of populations that can run one after the other, each over all timesteps at once.

Two populations are in one stage if each hears the other, however late. Every other population
runs over all timesteps at once, after those that it hears; a delayed projection into it is then a
shift by one timestep. So a delay of many timesteps, which is a chain of as many populations, costs
one short call for each of them.

A stage of several populations runs a block of timesteps at once: as many as pass before what one
population sends comes back to it, and one where that cannot be said. Let all loops lead through one
population, the root, and let a(p) be the smallest delay from it to p. In each block, p runs a(p)
timesteps ahead of the root: it hears what was sent up to then, because a source s that is heard d
later has a(s) + d ≥ a(p). The root hears what was sent up to a(s) + d timesteps ahead, which is at
least the length of the block.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

import numpy as np

from ultralif_deploy.program.graph import INPUT, Projection, delayed_projections

ROOTS = 4
"""Most populations of a stage that are tried as the one through which all loops lead."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Populations that run together.

    Attributes:
        populations: their names, in the order in which they run.
        loops: whether a projection leads from one of them to one of them.
        ended: sources whose values no later stage hears.
        ahead: timesteps by which each population runs ahead of the first one.
        block: timesteps that each runs at once.
    """

    populations: tuple[str, ...]
    loops: bool
    ended: tuple[str, ...]
    ahead: tuple[int, ...] = (0,)
    block: int = 1

    def windows(self, timesteps: int) -> Iterator[tuple[str, slice]]:
        """What runs next: a population, and its timesteps, until all have run all of them."""
        first = -max(self.ahead) // self.block * self.block
        for start in range(first, timesteps, self.block):
            for name, ahead in zip(self.populations, self.ahead, strict=True):
                here = max(0, start + ahead)
                end = min(timesteps, start + ahead + self.block)
                if here < end:
                    yield name, slice(here, end)


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
    made = []
    for at, number in enumerate(order):
        here = members[number]
        edges = [
            (p.source, p.target, int(p.name in late))
            for p in projections
            if number in inner and p.source in here and p.target in here
        ]
        running, ahead, block = _schedule(here, edges)
        made.append(Stage(tuple(running), number in inner, tuple(ended[at]), ahead, block))
    return tuple(made)


def _schedule(
    names: Sequence[str], edges: Sequence[tuple[str, str, int]]
) -> tuple[Sequence[str], tuple[int, ...], int]:
    """The order of a stage's populations, how far each runs ahead, and the length of a block.

    Args:
        names: populations in the order of their updates.
        edges: source, target and delay of each projection between them.
    """
    best: tuple[Sequence[str], tuple[int, ...], int] = (names, (0,) * len(names), 1)
    incoming: dict[str, list[tuple[str, int]]] = {name: [] for name in names}
    for source, target, delay in edges:
        incoming[target].append((source, delay))
    for root in sorted(names, key=lambda name: -len(incoming[name]))[:ROOTS]:
        before = {name: {s for s, _ in incoming[name]} if name != root else set() for name in names}
        try:
            order = list(TopologicalSorter(before).static_order())
        except CycleError:  # a loop that does not lead through this root
            continue
        ahead = {root: 0}
        for name in order[1:]:
            ahead[name] = min(ahead[source] + delay for source, delay in incoming[name])
        block = min((ahead[source] + delay for source, delay in incoming[root]), default=1)
        if block > best[2]:
            best = order, tuple(ahead[name] for name in order), block
    return best


def _groups(names: Sequence[str], heard: Sequence[tuple[str, str]]) -> dict[str, int]:
    """A number for each population; two have the same number if each leads to the other."""
    from scipy import sparse  # only networks with delayed projections pay for the import

    place = {name: at for at, name in enumerate(names)}
    rows, columns = np.array([(place[s], place[t]) for s, t in heard], dtype=np.int64).T
    graph = sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=(len(names), len(names)))
    _, numbers = sparse.csgraph.connected_components(graph, connection="strong")
    return {name: int(numbers[at]) for name, at in place.items()}


def heard_in(
    window: slice, sent: np.ndarray, *, late: bool, before: np.ndarray | None = None
) -> np.ndarray:
    """What a projection carries in a window of timesteps.

    Args:
        window: timesteps.
        sent: values [time, batch, source].
        late: whether the projection acts one timestep later.
        before: what was sent before the first timestep, [1, batch, source]; None is nothing.
    """
    if not late:
        return sent[window]
    if window.start == 0:
        return one_later(sent[: window.stop], before)
    return sent[window.start - 1 : window.stop - 1]


def one_later(sent: np.ndarray, before: np.ndarray | None = None) -> np.ndarray:
    """What a delayed projection carries at every timestep: what was sent in the one before.

    Args:
        sent: values [time, batch, source].
        before: what was sent before the first timestep, [1, batch, source]; None is nothing.
    """
    first = np.zeros_like(sent[:1]) if before is None else before
    return np.concatenate([first, sent[:-1]])[: len(sent)]
