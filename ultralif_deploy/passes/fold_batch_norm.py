"""Fold batch norm into weights and bias.

Proof: γ'·(Σ W x + b) + shift = Σ (γ'·W) x + (γ'·b + shift), γ' the gain per target neuron.
"""

from dataclasses import replace

from ultralif_deploy.graph import Dense, Projection
from ultralif_deploy.network import Network, dense, per_neuron


def fold_batch_norm(network: Network) -> Network:
    """Scale each normalised population's weights by the gain and move the shift to its bias."""
    gains = {p.name: p.batch_norm.gain for p in network.populations if p.batch_norm is not None}

    def scaled(projection: Projection) -> Projection:
        if projection.target not in gains:
            return projection
        assert isinstance(projection.map, Dense)
        weight = gains[projection.target][:, None] * projection.map.weight
        return dense(projection.source, projection.target, weight)

    populations = tuple(
        p
        if p.batch_norm is None
        else replace(
            p,
            bias=per_neuron(p.batch_norm.gain * p.bias + p.batch_norm.shift, p.size, p.name),
            batch_norm=None,
        )
        for p in network.populations
    )
    return replace(
        network, populations=populations, projections=tuple(map(scaled, network.projections))
    )
