"""What each pass saves: neurons, weights and biases, and the operations of a dense inference."""

from collections.abc import Iterable

from ultralif_deploy.network.composition import Composed, Diagonal
from ultralif_deploy.network.network import Network
from ultralif_deploy.passes import apply_passes
from ultralif_deploy.program.graph import WEIGHTED, AnyMap
from ultralif_deploy.schema.report import PassCosts


def pass_savings(network: Network, skip: Iterable[str] = ()) -> list[PassCosts]:
    """A row for each pass applied, and one for the network before them all.

    Operations are those of one inference in which every value sent is non-zero: each non-zero
    weight met, borders exact, a pooled value or a batch norm's gain one operation more. Parameters
    are weights, gains, and the biases of populations that have one.

    Raises:
        UltralifError: as `apply_passes`.
    """
    rows = [_costs("none", network)]
    apply_passes(network, skip, lambda name, after: rows.append(_costs(name, after)))
    return rows


def _costs(name: str, network: Network) -> PassCosts:
    """What is stored and done after a pass."""
    parts = [part for p in network.projections for part in _parts(p.map)]
    weights = sum(p.weight.size for p in parts if isinstance(p, (*WEIGHTED, Diagonal)))
    biases = sum(p.size for p in network.populations if p.bias.any())
    operations = sum(int(p.fan_out().sum()) for p in parts)
    return {
        "pass": name,
        "neurons": sum(p.size for p in network.populations),
        "parameters": int(weights) + biases,
        "dense_operations": operations * network.timesteps,
    }


def _parts(linear: AnyMap) -> tuple[AnyMap, ...]:
    return linear.parts if isinstance(linear, Composed) else (linear,)
