"""Read and write checkpoint files. No code in a file is run; only this module uses torch.load."""

import pickle
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.io.files import check_zip_archive, readable_file, written_whole
from ultralif_deploy.soft.network import SoftNetwork

SETTINGS_KEY = "ultralif_deploy"
"""Our own entry of the checkpoint dictionary: settings that the released format does not hold."""

MAX_PARAMETERS = 200_000_000

WRAPPERS = re.compile(r"^(?:_orig_mod\.|module\.)+")
"""Prefixes that torch.compile and DataParallel add to every key."""


def read_tensors(path: str | Path) -> dict[str, Any]:
    """Read the dictionary of a .pt file without running code from it.

    Raises:
        UltralifError: the file is missing, truncated, no checkpoint, has code, or is too large.
    """
    path = readable_file(path)
    with path.open("rb") as file:
        bare_pickle = file.read(1) == pickle.PROTO
    if bare_pickle:  # its sizes cannot be checked before loading
        raise UltralifError(
            f"{path}: a pickle outside a zip archive, as torch before 1.6 wrote; write it anew: "
            f"torch.save(torch.load({path.name!r}, weights_only=True), 'new.pt')"
        )
    check_zip_archive(path, "a checkpoint that torch.save wrote")
    try:
        with warnings.catch_warnings():  # torch warns about some contents
            warnings.simplefilter("ignore")
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        found = re.search(r"GLOBAL (\S+)", str(error))
        what = f"calls {found.group(1)}" if found else "holds more than tensors"
        raise UltralifError(
            f"{path}: refused, the pickle {what}; a checkpoint must hold tensors and plain "
            "values only (save model.state_dict(), not the model)"
        ) from error
    except Exception as error:  # torch raises many kinds on damaged files
        first = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise UltralifError(f"{path}: not a readable checkpoint ({first})") from error
    if not isinstance(content, dict):
        raise UltralifError(
            f"{path}: holds a {type(content).__name__}; expected a dictionary of tensors"
        )
    return content


def save(
    path: str | Path,
    network: SoftNetwork,
    record: Mapping[str, Any],
    settings: Mapping[str, Any],
    training: Mapping[str, Any] | None = None,
) -> None:
    """Write a checkpoint in the released format; `path` never holds an incomplete file.

    Args:
        path: file to write.
        network: its `state_dict` becomes `model_state_dict`.
        record: best_acc, epoch, spike_rate, energy_proxy, eps and tau of the released format.
        settings: plain values that the released format lacks: encoding, gain, timesteps …
        training: optimizer state of an unfinished run, so that it can be resumed.

    Raises:
        UltralifError: a parameter is NaN or infinite, as after a run that diverged.
    """
    for key, value in network.state_dict().items():
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise UltralifError(
                f"{path}: {key} became NaN or infinite; nothing is written, lower the learning rate"
            )
    architecture = network.architecture
    content: dict[str, Any] = {
        "model_state_dict": network.state_dict(),
        "best_acc": None,
        "epoch": 0,
        "spike_rate": None,
        "energy_proxy": None,
        "eps": network.epsilon(),
        "tau": architecture.tau,
        **record,
        SETTINGS_KEY: {
            "neuron": architecture.neuron,
            "theta": architecture.theta,
            "tau": architecture.tau,
            "skip": architecture.skip,
            "membrane": architecture.membrane,
            "stateless": architecture.stateless,
            **settings,
        },
    }
    if training is not None:
        content["training"] = dict(training)
    with written_whole(path) as temporary:
        try:
            with temporary.open("wb") as file:  # given a path, torch stores its name
                torch.save(content, file)
        except RuntimeError as error:  # torch raises this on a full disk
            first = str(error).strip().splitlines()[0]
            raise UltralifError(f"{path}: cannot be written ({first})") from error


def state_keys(content: dict[str, Any]) -> dict[Any, Any]:
    """The state dict in a checkpoint, without the key prefixes of wrapped modules.

    This is `model_state_dict` if present, else the only dictionary of tensors in the file, else the
    whole file.
    """
    inner = content.get("model_state_dict")
    if inner is None:
        dicts = [v for v in content.values() if isinstance(v, dict) and _all_tensors(v)]
        bare = any(isinstance(value, Tensor) for value in content.values())
        inner = dicts[0] if len(dicts) == 1 and not bare else content
    if not isinstance(inner, dict):
        return {}
    return {WRAPPERS.sub("", k) if isinstance(k, str) else k: v for k, v in inner.items()}


def _all_tensors(entries: dict[Any, Any]) -> bool:
    return bool(entries) and all(isinstance(value, Tensor) for value in entries.values())


def split_state(path: Path, content: dict[str, Any]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Split a checkpoint into its state dict and its plain values.

    Raises:
        UltralifError: an entry is not a dense tensor, or there are too many parameters.
    """
    inner = state_keys(content)
    if not inner:
        raise UltralifError(f"{path}: no model_state_dict and no tensors; expected a checkpoint")
    state: dict[str, Tensor] = {}
    for key, value in inner.items():
        if not isinstance(value, Tensor) or not isinstance(key, str):
            raise UltralifError(f"{path}: entry {key!r} is no tensor; expected a state dict")
        if value.layout is not torch.strided or value.device.type != "cpu":
            raise UltralifError(
                f"{path}: {key} is a tensor of layout {value.layout} on {value.device}; expected "
                "a dense one with its values"
            )
        state[key] = value
    total = sum(tensor.numel() for tensor in state.values())
    if total > MAX_PARAMETERS:
        raise UltralifError(f"{path}: declares {total:,} parameters; at most {MAX_PARAMETERS:,}")
    record = {
        key: value
        for key, value in content.items()
        if isinstance(key, str) and isinstance(value, (int, float, str, bool))
    }
    return state, record
