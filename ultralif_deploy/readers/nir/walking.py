"""Working values out along the edges of a graph, however deep it is: nothing recurses."""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

import numpy as np
from scipy import sparse

from ultralif_deploy.errors import UltralifError

Value = TypeVar("Value")


def worked_out(
    name: str,
    known: dict[str, Value],
    needs: Callable[[str], Iterable[str]],
    make: Callable[[str], Value],
) -> Value:
    """The value of a node, made after the values of all nodes that it needs.

    Args:
        name: name of the node.
        known: values by node; those that were missing are added.
        needs: names of the nodes whose values the value of a node is made of.
        make: the value of a node, when those values are in `known`.

    Raises:
        UltralifError: a node needs itself.
    """
    waiting, opened = [name], set[str]()
    while waiting:
        one = waiting[-1]
        if one in known:
            waiting.pop()
            continue
        missing = [other for other in needs(one) if other not in known]
        if one in opened:
            if missing:
                raise UltralifError(f"{one}: a cycle without a neuron; expected one in every cycle")
            known[one] = make(one)
            waiting.pop()
            continue
        opened.add(one)
        waiting += missing
    return known[name]


def cycles(sources: Mapping[str, Iterable[str]]) -> dict[str, int]:
    """A number for each node; two nodes have the same number if each leads to the other.

    Args:
        sources: nodes with an edge to each node, by node.
    """
    place = {name: at for at, name in enumerate(sources)}
    edges = [(place[s], place[name]) for name, before in sources.items() for s in before]
    rows, columns = np.array(edges, dtype=np.int64).reshape(-1, 2).T
    shape = (len(place), len(place))
    graph = sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=shape)
    _, numbers = sparse.csgraph.connected_components(graph, connection="strong")
    return {name: int(numbers[at]) for name, at in place.items()}
