"""Small NIR graphs as other tools write them."""

import itertools

import nir
import numpy as np

from ultralif_deploy.network.running import run_hard
from ultralif_deploy.readers.nir.neurons import Conventions

STEP = Conventions(dt=1.0)


def graph(*edges, **nodes):
    """A graph with `input` of size 2 and `output`, if not given; edges as "a>b>c"."""
    nodes = {"input": nir.Input(np.array([2])), "output": nir.Output(np.array([2])), **nodes}
    pairs = []
    for chain in edges:
        names = chain.split(">")
        pairs += list(itertools.pairwise(names))
    return nir.NIRGraph(nodes, pairs, type_check=False)


def full(value, size=2):
    return np.full(size, float(value))


def if_node(threshold=0.5, size=2):
    return nir.IF(full(1, size), full(threshold, size))


def spikes_of(network, name, inputs):
    return run_hard(network, np.asarray(inputs)[:, None]).spikes[name][:, 0].astype(int).tolist()
