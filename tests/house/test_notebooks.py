"""The notebooks run from start to end, and are stored without outputs."""

import os
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

import ultralif_deploy
from support.paths import ROOT
from support.requirements import import_or_skip

FOLDER = ROOT / "examples" / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def stored(path: Path) -> Any:
    return import_or_skip("nbformat", "pip install nbformat").read(path, as_version=4)


def test_the_page_names_all_of_them() -> None:
    page = Path(ultralif_deploy.__file__).parent / "docs" / "notebooks.md"
    assert len(NOTEBOOKS) == 3
    assert all(f"| `{path.name}` |" in page.read_text("utf-8") for path in NOTEBOOKS)


@patch.dict(os.environ)  # a kernel changes it
@pytest.mark.filterwarnings("default")  # of the kernel, not of the code in the notebooks
def test_they_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for path in NOTEBOOKS:
        cells = [cell for cell in stored(path).cells if cell.cell_type == "code"]
        assert all((cell.outputs, cell.execution_count) == ([], None) for cell in cells)
        kinds = shown([cell.source for cell in cells])
        assert "text/html" in kinds, path.stem
        assert ("image/png" in kinds) is (path.stem == "spikes")


def shown(cells: list[str]) -> set[str]:
    """Kinds of data that cells show, one after another in a new kernel in this process."""
    ipykernel = import_or_skip("ipykernel.inprocess", "pip install ipykernel")
    manager = ipykernel.InProcessKernelManager()
    manager.start_kernel()
    client = manager.client()
    client.start_channels()
    try:
        for source in cells:
            client.execute(source)
            reply = client.get_shell_msg(timeout=1)["content"]
            assert reply["status"] == "ok", f"{source}: {reply['traceback']}"
        messages = client.iopub_channel.get_msgs()
    finally:
        manager.kernel.shell.reset()
        type(manager.kernel.shell).clear_instance()
    return {kind for message in messages for kind in message["content"].get("data", ())}
