"""Fold the input's scale and offset into the weights that read it, so that inputs are integers.

Proof: W(scale·n + offset) + b = (scale·W) n + (b + offset·W·1). Zero padding of a convolution is
zero in both, so W·1 differs at the borders; a bias per neuron holds it.
"""

from dataclasses import replace

import numpy as np

from ultralif_deploy.network.composition import Composed, Diagonal
from ultralif_deploy.network.network import Network, per_neuron
from ultralif_deploy.program.graph import INPUT


def fold_input(network: Network) -> Network:
    """Return a network whose input is read as it is (scale 1, offset 0)."""
    scale, offset = network.input.scale, network.input.offset
    if network.input.plain:
        return network
    shift = {}
    projections = []
    for projection in network.projections:
        if projection.source == INPUT:
            size = network.input.size
            shift[projection.target] = projection.map.apply(np.zeros(size) + offset)
            scaled = Composed((Diagonal(np.ones(size) * scale), projection.map))
            projection = replace(projection, map=scaled.product())
        projections.append(projection)
    populations = tuple(
        replace(p, bias=per_neuron(p.bias + shift[p.name], p.size, p.name))
        if p.name in shift
        else p
        for p in network.populations
    )
    return replace(
        network,
        input=replace(network.input, scale=1.0, offset=0.0),
        populations=populations,
        projections=tuple(projections),
    )
