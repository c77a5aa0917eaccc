"""Sizes of memory, and the one bound on what files may take."""

from pathlib import Path

import numpy as np
import pytest

from support.commands import DEMO, refused, ultralif
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.io import memory


@pytest.mark.parametrize(
    ("text", "size"),
    [("1", 1), ("500M", 500 << 20), ("1.5 GiB", 3 << 29), ("2kb", 2048), ("1T", 1 << 40)],
)
def test_sizes(text: str, size: int) -> None:
    assert memory.size_bytes(text) == size


@pytest.mark.parametrize("text", ["", "0", "-1", "nan", "inf", "1e9", "8X", "9" * 400, "G"])
def test_no_sizes(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="expected a size, as 500M or 8G"):
        memory.size_bytes(text)
    monkeypatch.setenv(memory.VARIABLE, text or "x")
    with pytest.raises(UltralifError, match="ULTRALIF_MAX_MEMORY="):
        memory.allowed_bytes()


def test_the_default_is_a_quarter_of_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(memory.VARIABLE)
    monkeypatch.setattr(memory, "CGROUPS", (str(tmp_path / "max"), str(tmp_path / "none")))
    (tmp_path / "max").write_text("max\n")
    assert memory.allowed_bytes() > 1 << 25
    (tmp_path / "max").write_text("4000\n")
    assert memory.allowed_bytes() == 1000
    memory.check_memory("x", 1000)
    with pytest.raises(UltralifError, match="x: 1,001 bytes; at most 1,000, a quarter of the mem"):
        memory.check_memory("x", 1001)


def test_a_command_takes_the_bound_for_itself_alone(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "data.npz", x=np.zeros((1000, 64), np.uint8))
    data = ("--data", tmp_path / "data.npz")
    line = refused("inspect", DEMO, *data, "--max-memory", "50000")
    assert "data.npz: 'x.npy' with all other entries: declared contents: 64,128 bytes" in line
    assert "at most 50,000; allow more with --max-memory or ULTRALIF_MAX_MEMORY" in line
    assert ultralif("inspect", DEMO, *data).code == 0
    assert "expected a size" in ultralif("inspect", DEMO, "--max-memory", "much").err
