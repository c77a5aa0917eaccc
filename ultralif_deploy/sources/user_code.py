"""Runs a function of the user's that builds a network, where a command names one.

It is named as FILE.py:NAME or package.module:name. Nothing else that a command is given runs code.
"""

import importlib
import importlib.util
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.network.network import Network

if TYPE_CHECKING:
    from torch import nn

FUNCTION = re.compile(r"(?P<place>.+\.py|[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+):(?P<name>[A-Za-z_]\w*)")
"""A function in a file or in a module of a package."""

RUN_AS = "ultralif_user_code"
"""Name of the module that a file becomes."""


def names_function(given: str | Path) -> bool:
    """Whether a command's argument names a function; a file of that name comes first."""
    return FUNCTION.fullmatch(str(given)) is not None and not Path(given).exists()


def built(given: str | Path, weights: Path | None = None) -> "Network | nn.Module":
    """Import the user's code, call the function, and load weights into its module.

    Args:
        given: FILE.py:NAME or package.module:name.
        weights: a state dict, loaded into the module; None leaves it as it was built.

    Raises:
        UltralifError: the code cannot be found, raises, or returns something else; the weights do
            not fit.
    """
    found = FUNCTION.fullmatch(str(given))
    assert found is not None
    place, name = found["place"], found["name"]
    if place.endswith(".py") and not Path(place).is_file():
        raise UltralifError(f"{given}: no such file: {place}")
    try:
        with _beside(Path(place).parent if place.endswith(".py") else Path()):
            module = _from_file(place) if place.endswith(".py") else importlib.import_module(place)
            function = getattr(module, name, None)
            network = function() if callable(function) else None
    except (Exception, SystemExit) as error:  # whatever the user's code raises
        first = (str(error).strip().splitlines() or [""])[0][:200]
        what = f"{type(error).__name__}: {first}".removesuffix(": ")
        raise UltralifError(f"{given}: the code raises {what}") from error
    if not callable(function):
        raise UltralifError(f"{given}: {place} has no function {name}")
    return _loaded(given, network, weights)


@contextmanager
def _beside(directory: Path) -> Iterator[None]:
    """Let code import what lies in a directory, and keep what it prints apart from results."""
    place = str(directory.resolve())
    sys.path.insert(0, place)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        sys.path.remove(place)


def _from_file(path: str) -> ModuleType:
    """Run a file as a module under a name that hides no other."""
    spec = importlib.util.spec_from_file_location(RUN_AS, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[RUN_AS] = module  # dataclasses look for their module there
    spec.loader.exec_module(module)
    return module


def _loaded(given: str | Path, network: Any, weights: Path | None) -> "Network | nn.Module":
    """What the function returned, with its weights.

    Args:
        given: text that names the function, for errors.
        network: network that the function returned.
        weights: a state dict; None without one.
    """
    from torch import nn

    if isinstance(network, Network) and weights is not None:
        raise UltralifError(f"{given}: returns a Network, which holds its weights; no --weights")
    if not isinstance(network, (Network, nn.Module)):
        raise UltralifError(
            f"{given}: returns a {type(network).__name__}; expected a torch module or a Network"
        )
    if isinstance(network, nn.Module) and weights is not None:
        _load_weights(network, weights)
    return network


def _load_weights(module: "nn.Module", path: Path) -> None:
    """Load a state dict into a module; every tensor must have its place.

    The names that Lightning, DataParallel and averages of weights put before those of the module
    are left out where only that fits.

    Raises:
        UltralifError: the file is bad, or does not fit the module.
    """
    from ultralif_deploy.soft.checkpoint_file import read_tensors, state_keys

    held = read_tensors(path)
    plain, wanted = state_keys(held), module.state_dict().keys()
    for key in ("state_dict", "model_state_dict"):
        if isinstance(held.get(key), Mapping):
            held = held[key]
    if held.keys() != wanted and plain.keys() == wanted:
        held = plain
    try:
        module.load_state_dict(held)
    except Exception as error:  # torch raises several kinds
        lines = [line.strip() for line in str(error).splitlines()]
        raise UltralifError(f"{path}: does not fit the module: {' '.join(lines)[:300]}") from error
