"""Read and write checkpoint files. No code in a file is run; only this module uses torch.load."""

import copy
import io
import pickle
import re
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.io.files import check_zip_archive, readable_file, write_bytes
from ultralif_deploy.io.memory import check_memory
from ultralif_deploy.soft.network import SoftNetwork

SETTINGS_KEY = "ultralif_deploy"
"""Our own entry of the checkpoint dictionary: settings that the released format does not hold."""

ANNEALED_FROM = "annealed_from"
"""Setting that names the checkpoint from which a network was annealed."""

LIGHTNING = "pytorch-lightning_version"
"""Key by which a checkpoint of Lightning is known; its networks are attributes of a module."""

AVERAGED = "n_averaged"
"""Key of the counter in torch's AveragedModel, which SWA and EMA use."""

PREFIX = re.compile(r"^(?:(?:_orig_mod|module|model|net|network|ema_model)\.)+")
"""Attributes under which a network is kept by torch.compile, DataParallel, Lightning and users."""

HYPER_PARAMETERS = (
    "timesteps",
    "theta",
    "neuron",
    "skip",
    "stateless",
    "encoding",
    "gain",
    "normalize",
)
"""Hyper-parameters that Lightning stores and that mean the same here."""

FIRST_LAYERS = ("fc1.weight", "conv1.weight", "stem_conv.weight")
"""First layers of the released networks, one of which each of them has."""

_SNNTORCH = ("graded_spikes_factor", "reset_mechanism_val")
_NUMBERED = re.compile(r"(?:.*\.)?\d+\.weight$")

PARAMETER_BYTES = 8
"""Of a parameter in float64, in which networks are hardened."""


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
    with zipfile.ZipFile(path) as archive:
        if any(name.endswith("/constants.pkl") for name in archive.namelist()):
            raise UltralifError(
                f"{path}: a TorchScript archive, which holds code; "
                "torch.save(model.state_dict(), 'new.pt') writes a file that is read"
            )
    try:
        with warnings.catch_warnings():  # torch warns about some contents
            warnings.simplefilter("ignore")
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        found = re.search(r"GLOBAL (\S+)", str(error))
        what = f"calls {found.group(1)}" if found else "holds more than tensors"
        raise UltralifError(
            f"{path}: refused, the pickle {what}; a checkpoint must hold tensors and plain "
            "values only (save model.state_dict(), not the model: "
            "torch.save(model.state_dict(), 'new.pt'))"
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

    All tensors in it are on the CPU, whichever device computed them.

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
    content = _on_cpu(content)
    buffer = io.BytesIO()  # given a path, torch stores its name, and dies on a full disk
    torch.save(content, buffer)
    write_bytes(path, buffer.getbuffer())


def _on_cpu(value: Any) -> Any:
    """The same with all tensors on the CPU; a file does not depend on the device that computed."""
    if isinstance(value, Tensor):
        return value.cpu()
    if isinstance(value, list):
        return [_on_cpu(one) for one in value]
    if isinstance(value, dict):
        made = copy.copy(value)  # torch's state dicts carry an attribute beside their entries
        made.update((key, _on_cpu(one)) for key, one in value.items())
        return made
    return value


def state_keys(content: dict[str, Any]) -> dict[Any, Any]:
    """The state dict in a checkpoint, without the key prefixes of wrapped modules.

    This is `model_state_dict` if present, else `state_dict` of Lightning, else the only dictionary
    of tensors in the file, else the whole file.
    """
    lightning = LIGHTNING in content
    inner = content.get("state_dict" if lightning else "model_state_dict")
    if inner is None:
        dicts = _state_dicts(content)
        inner = content[dicts[0]] if len(dicts) == 1 else content
    return _unwrapped(inner, lightning) if isinstance(inner, dict) else {}


def _state_dicts(content: dict[Any, Any]) -> list[Any]:
    """Names of the dictionaries of tensors in a checkpoint; none where tensors lie beside them."""
    if any(isinstance(value, Tensor) for value in content.values()):
        return []
    return [k for k, v in content.items() if isinstance(v, dict) and _all_tensors(v)]


def _all_tensors(entries: dict[Any, Any]) -> bool:
    return bool(entries) and all(isinstance(value, Tensor) for value in entries.values())


def split_state(path: Path, content: dict[str, Any]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Split a checkpoint into its state dict and its plain values.

    Raises:
        UltralifError: an entry is not a dense tensor, there are too many parameters or several
            state dicts, or they are of another library.
    """
    several = _state_dicts(content)
    if len(several) > 1 and "model_state_dict" not in content and LIGHTNING not in content:
        raise UltralifError(
            f"{path}: holds the state dicts {', '.join(map(str, several))}; expected one: "
            f"torch.save(torch.load({path.name!r}, weights_only=True)[{several[0]!r}], 'new.pt')"
        )
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
    other = _other_library(state)
    if other is not None:
        raise UltralifError(f"{path}: {other}")
    total = sum(tensor.numel() for tensor in state.values())
    check_memory(f"{path}: {total:,} parameters in float64", PARAMETER_BYTES * total)
    record = {
        key: value
        for key, value in content.items()
        if isinstance(key, str) and isinstance(value, (int, float, str, bool))
    }
    return state, record


def _unwrapped(state: Mapping[Any, Any], with_others: bool) -> dict[Any, Any]:
    """A state dict without the prefixes of wrapping tools.

    Args:
        state: state dict as stored.
        with_others: whether entries without a prefix, beside others that have one, belong to other
            modules, as metrics and losses in a module of Lightning.
    """
    texts = [key for key in state if isinstance(key, str)]
    prefixed = [key for key in texts if PREFIX.match(key)]
    averaged = AVERAGED in state and len(prefixed) == len(texts) - 1
    left = {key for key in texts if key not in prefixed} if with_others and prefixed else set()
    if averaged:
        left.add(AVERAGED)
    return {
        PREFIX.sub("", key) if isinstance(key, str) else key: value
        for key, value in state.items()
        if key not in left
    }


def hyper_parameters(content: Mapping[str, Any]) -> dict[str, str | int | float | bool]:
    """The hyper-parameters of a Lightning checkpoint that are settings here."""
    given = content.get("hyper_parameters")
    if LIGHTNING not in content or not isinstance(given, dict):
        return {}
    plain = {name: value for name, value in given.items() if name in HYPER_PARAMETERS}
    return {n: value for n, value in plain.items() if isinstance(value, (str, int, float))}


def _other_library(state: Mapping[str, Tensor]) -> str | None:
    """Whose layers the keys of a state dict name, and what reads them; None where they do not tell.

    Neither library stores in it how layers are connected.
    """
    if any(key.rpartition(".")[2] in _SNNTORCH for key in state):
        return (
            "a state dict of snnTorch, which does not say how layers are connected; name the "
            "function that builds the module: ultralif deploy FILE.py:NAME --weights this file"
        )
    learned = any(key.endswith(".w") and value.ndim == 0 for key, value in state.items())
    released = any(name in state for name in FIRST_LAYERS)
    if not released and (learned or any(map(_NUMBERED.match, state))):
        return (
            "a state dict of numbered layers, as of SpikingJelly, which does not say what neurons "
            "lie between them; name the function that builds the network: ultralif deploy "
            "FILE.py:NAME --weights this file"
        )
    return None
