"""Compute devices: where torch runs soft networks, and in which precision.

Random numbers are drawn on the CPU, and inputs are made there, whichever device computes. So all
devices see the same inputs; what they compute from them differs by the rounding of float32.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from ultralif_deploy.errors import Missing, UltralifError
from ultralif_deploy.findings.assumptions import Assumptions, choose
from ultralif_deploy.io.torch_build import INSTALL

GPUS = "nvidia-smi shows GPUs and their driver"


def settled_device(option: str | None) -> tuple[torch.device, Assumptions]:
    """The device that the user named, or the CPU, and a record of the choice.

    Args:
        option: name as given; None where nothing was given.

    Raises:
        UltralifError: same as `compute_device`.
    """
    chosen = choose("device", option, {}, {}, "cpu", kind=str)
    return compute_device(chosen.value), chosen.recorded()


def compute_device(name: str) -> torch.device:
    """The device of that name, on which torch can compute here.

    Args:
        name: `cpu`, `cuda`, `cuda:N` or `mps`.

    Raises:
        UltralifError: this torch was built without it, or this machine does not have it.
    """
    device = torch.device(name)
    if device.type != "cpu":
        there, why = PRESENT[device.type]()
        missing = why if there == 0 else _beyond(device, there)
        if missing:
            raise UltralifError(f"--device {name}: {missing}; available: {', '.join(available())}")
    return device


def available() -> list[str]:
    """Names of all devices on which torch can compute here, the CPU first."""
    counts = {kind: present()[0] for kind, present in PRESENT.items()}
    gpus = [f"cuda:{number}" for number in range(counts["cuda"])]
    return ["cpu", *gpus, *(["mps"] if counts["mps"] else [])]


def missing_gpu() -> Missing | None:
    """What is missing if torch, which was built for a GPU, can use none."""
    there, _ = PRESENT["cuda"]()
    if there:
        return None
    built = torch.version.cuda or torch.version.hip
    return Missing(f"a GPU that torch {torch.__version__} for CUDA {built} can use", GPUS)


@contextmanager
def repeatable() -> Iterator[None]:
    """Convolutions on CUDA keep all bits of float32, and give the same result each time.

    Without it, cuDNN rounds their factors to 10 bits (TF32), and may choose a form that adds up in
    another order in each run. On other devices nothing changes.
    """
    cudnn = torch.backends.cudnn
    with cudnn.flags(enabled=cudnn.enabled, deterministic=True, allow_tf32=False):
        yield


def in_float64(values: Tensor) -> Tensor:
    """The values in float64, on their device, or on the CPU where the device has no float64."""
    return (values.cpu() if values.device.type == "mps" else values).double()


def _beyond(device: torch.device, there: int) -> str:
    """What is missing if the number of a device is too large; empty if it is there."""
    if device.index is None or device.index < there:
        return ""
    return f"this machine has {there} of CUDA, numbered from 0"


def _cuda() -> tuple[int, str]:
    """Number of GPUs that torch can use by CUDA or ROCm, and why there is none."""
    with warnings.catch_warnings():  # torch warns about drivers that it cannot use
        warnings.simplefilter("ignore")
        there = torch.cuda.device_count() if torch.cuda.is_available() else 0
    built = torch.version.cuda or torch.version.hip
    if built is None:
        return there, f"torch {torch.__version__} was built without CUDA ({INSTALL})"
    return there, (
        f"torch {torch.__version__} was built for CUDA {built} and finds no GPU that it can use "
        f"({GPUS})"
    )


def _mps() -> tuple[int, str]:
    """Whether torch can use the GPU of a Mac, as 1 or 0, and why not."""
    there = int(torch.backends.mps.is_available())
    if not torch.backends.mps.is_built():
        return there, (
            f"torch {torch.__version__} was built without MPS, which is for Macs with Apple "
            f"silicon ({INSTALL})"
        )
    return there, "this machine has no GPU that MPS can use (it needs macOS 14 and Apple silicon)"


PRESENT: dict[str, Callable[[], tuple[int, str]]] = {"cuda": _cuda, "mps": _mps}
"""By kind of device beside the CPU: how many there are here, and why there is none."""
