"""Small checkpoints of an UltraPLIF network, and the message with which a file is refused."""

import zipfile

import pytest
import torch

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.soft.checkpoint import load_checkpoint
from ultralif_deploy.soft.network import Architecture, SoftNetwork


def network(kind="ultratlif", widths=(4, 3, 2), **options):
    return SoftNetwork(Architecture(widths, kind, **options))


def state(**changes):
    """A state dict of an UltraPLIF network 4-3-2; `fc1__weight=…` replaces, None leaves out."""
    given = dict(network("ultratplif").state_dict())
    given |= {k.replace("__", ".", 1): v for k, v in changes.items()}
    return {k: v for k, v in given.items() if v is not None}


def written(path, content):
    torch.save(content, path)
    return path


def refused(path, **options):
    """The message with which a file is refused: one line that begins with its name."""
    with pytest.raises(UltralifError) as caught:
        load_checkpoint(path, **options)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


def name_gpu(path):
    """Change a file of torch to one whose tensors were on a GPU: it names the device of each."""
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    plain, on_gpu = b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0"
    with zipfile.ZipFile(path, "w") as archive:
        for name, entry in entries.items():
            assert not name.endswith("data.pkl") or plain in entry
            archive.writestr(name, entry.replace(plain, on_gpu))
