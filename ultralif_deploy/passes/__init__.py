"""Rewrites of the hard network that keep every spike. Each has its own file."""

from collections.abc import Callable, Iterable

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.network.network import Network
from ultralif_deploy.passes.collapse_constant import collapse_constant
from ultralif_deploy.passes.elide_membrane import elide_membrane
from ultralif_deploy.passes.fold_bias import fold_bias
from ultralif_deploy.passes.fold_gain import fold_gain
from ultralif_deploy.passes.fold_input import fold_input
from ultralif_deploy.passes.fold_linear import fold_linear
from ultralif_deploy.passes.remove_constant import remove_constant

PASSES: dict[str, Callable[[Network], Network]] = {
    "fold-gain": fold_gain,
    "fold-linear": fold_linear,
    "fold-input": fold_input,
    "remove-constant": remove_constant,
    "elide-membrane": elide_membrane,
    "collapse-constant": collapse_constant,
    "fold-bias": fold_bias,
}

REQUIRED = frozenset({"fold-gain", "fold-linear", "fold-input"})
"""A program has one map per projection, no gain, no input scale: these cannot be switched off."""


def apply_passes(
    network: Network,
    skip: Iterable[str] = (),
    on_pass: Callable[[str, Network], object] | None = None,
) -> Network:
    """Apply all passes but those named.

    Args:
        network: left as it is.
        skip: names of passes to leave out.
        on_pass: function called with the name of each pass applied and the network after it.

    Raises:
        UltralifError: an unknown pass, or one that a program needs.
    """
    skip = set(skip)
    for name in sorted(skip):
        if name not in PASSES:
            raise UltralifError(f"unknown pass {name!r}; available: {', '.join(PASSES)}")
        if name in REQUIRED:
            raise UltralifError(f"pass {name} cannot be switched off: a program needs it")
    for name, rewrite in PASSES.items():
        if name not in skip:
            network = rewrite(network)
            if on_pass is not None:
                on_pass(name, network)
    return network
