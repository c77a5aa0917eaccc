"""What each pass saves: neurons, weights and biases, and the operations of a dense inference."""

from collections.abc import Iterable
from typing import Any

from ultralif_deploy.network.composition import Composed, Diagonal
from ultralif_deploy.network.network import Network
from ultralif_deploy.passes import apply_passes
from ultralif_deploy.program.graph import WEIGHTED, AnyMap


def pass_savings(network: Network, skip: Iterable[str] = ()) -> list[dict[str, Any]]:
    """A row for each pass applied, and one for the network before them all.

    Operations are those of one inference in which every value sent is non-zero: each non-zero
    weight met, borders exact, a pooled value or a batch norm's gain one operation more. Parameters
    are weights, gains, and the biases of populations that have one.

    Raises:
        UltralifError: as `apply_passes`.
    """
    rows = [{"pass": "none", **_costs(network)}]
    apply_passes(network, skip, lambda name, after: rows.append({"pass": name, **_costs(after)}))
    return rows


def _costs(network: Network) -> dict[str, int]:
    parts = [part for p in network.projections for part in _parts(p.map)]
    weights = sum(p.weight.size for p in parts if isinstance(p, (*WEIGHTED, Diagonal)))
    biases = sum(p.size for p in network.populations if p.bias.any())
    operations = sum(int(p.fan_out().sum()) for p in parts)
    return {
        "neurons": sum(p.size for p in network.populations),
        "parameters": int(weights) + biases,
        "dense_operations": operations * network.timesteps,
    }


def _parts(linear: AnyMap) -> tuple[AnyMap, ...]:
    return linear.parts if isinstance(linear, Composed) else (linear,)
