"""What reading a NIR file that is no program ends in, and ways to break one."""

from pathlib import Path
from typing import Any

import h5py
import pytest

from support.networks.nir_files import Edit, put
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.exporters.nir.programs import read_nir


def refusal(path: Path) -> str:
    """The one line that reading a file ends in."""
    with pytest.raises(UltralifError) as caught:
        read_nir(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert message.isprintable()
    return message


def scalar(name: str, value: Any) -> Edit:
    return lambda file: put(file, name, value)


def removed(name: str) -> Edit:
    def edit(file: h5py.File) -> None:
        del file[name]

    return edit
