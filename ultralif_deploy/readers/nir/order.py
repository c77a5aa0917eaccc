"""The order in which the populations of a graph with cycles are updated."""

from collections.abc import Collection, Mapping


def update_order(sources: Mapping[str, Collection[str]], start: Collection[str]) -> list[str]:
    """Every population after its sources of the same timestep.

    A cycle is cut before the population that the input reaches first (by number of populations on
    the way, then by name): the edges of the cycle that lead to it are the edges back.

    Args:
        sources: by population, the populations that project to it without delay.
        start: populations that the input projects to.
    """
    level = _levels(sources, start)
    above = {name: _reached(name, sources) for name in sources}
    order: list[str] = []
    waiting = set(sources)
    while waiting:
        # Without a cycle above it that it is not part of.
        free = [n for n in waiting if all(n in above[a] for a in (above[n] & waiting) - {n})]
        chosen = min(free, key=lambda n: (bool((set(sources[n]) & waiting) - {n}), level[n], n))
        order.append(chosen)
        waiting.remove(chosen)
    return order


def _levels(sources: Mapping[str, Collection[str]], start: Collection[str]) -> dict[str, int]:
    level = {name: (0 if name in start else len(sources)) for name in sources}
    for _ in sources:
        for name, before in sources.items():
            level[name] = min([level[name], *(level[b] + 1 for b in before)])
    return level


def _reached(name: str, sources: Mapping[str, Collection[str]]) -> set[str]:
    """All sources of a population, directly or through others."""
    found: set[str] = set()
    waiting = list(sources[name])
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += sources[one]
    return found
