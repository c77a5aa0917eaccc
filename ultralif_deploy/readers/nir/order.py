"""The order in which the populations of a graph with cycles are updated."""

from collections.abc import Collection, Mapping

from ultralif_deploy.readers.nir.walking import cycles


def update_order(sources: Mapping[str, Collection[str]], start: Collection[str]) -> list[str]:
    """Every population after its sources of the same timestep.

    A cycle is cut before the population that the input reaches first (by number of populations on
    the way, then by name): the edges of the cycle that lead to it are the edges back.

    Args:
        sources: populations that project to each population without delay, by population.
        start: populations that the input projects to.
    """
    level, cycle = _levels(sources, start), cycles(sources)
    members: dict[int, set[str]] = {}
    for name in sources:
        members.setdefault(cycle[name], set()).add(name)
    before: dict[int, set[int]] = {number: set() for number in members}
    after: dict[int, set[int]] = {number: set() for number in members}
    for name, others in sources.items():
        for number in {cycle[other] for other in others} - {cycle[name]}:
            before[cycle[name]].add(number)
            after[number].add(cycle[name])
    order: list[str] = []
    waiting = set(sources)
    # Without a cycle above it that it is not part of.
    free = {name for number in members if not before[number] for name in members[number]}
    while waiting:
        chosen = min(free, key=lambda n: (bool((set(sources[n]) & waiting) - {n}), level[n], n))
        order.append(chosen)
        waiting.remove(chosen)
        free.remove(chosen)
        done = cycle[chosen]
        members[done].remove(chosen)
        for number in after[done] if not members[done] else ():
            before[number].remove(done)
            free |= members[number] if not before[number] else set()
    return order


def _levels(sources: Mapping[str, Collection[str]], start: Collection[str]) -> dict[str, int]:
    level = {name: (0 if name in start else len(sources)) for name in sources}
    changed = True
    while changed:
        changed = False
        for name, before in sources.items():
            nearest = min([level[name], *(level[b] + 1 for b in before)])
            changed |= nearest != level[name]
            level[name] = nearest
    return level
