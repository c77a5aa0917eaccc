"""Make one linear map of each projection: batch norm and pooling go into the weights.

Proof: linear maps compose; (B ∘ A) x = B (A x). Batch norm's gain multiplies rows of a matrix or
output channels of a kernel. Average pooling of a convolution is a convolution with a larger stride
and summed kernels (see `composition._convolutions`); pooling before a matrix repeats its columns.
"""

from dataclasses import replace

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.network.composition import Composed, Diagonal
from ultralif_deploy.network.network import Network
from ultralif_deploy.program.graph import Projection


def fold_linear(network: Network) -> Network:
    """Replace composed maps by their products."""
    return replace(network, projections=tuple(map(_folded, network.projections)))


def _folded(projection: Projection) -> Projection:
    if not isinstance(projection.map, (Composed, Diagonal)):
        return projection
    try:
        return replace(projection, map=Composed((projection.map,)).product())
    except UltralifError as error:
        raise UltralifError(f"{projection.name}: {error}") from error
