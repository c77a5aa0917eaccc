"""The notebooks run from start to end, and are stored without outputs."""

from pathlib import Path
from typing import Any

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


@pytest.mark.filterwarnings("default")  # of the client, not of the code in the notebooks
def test_they_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one kernel, which keeps what it has imported; their names are forgotten in between."""
    client = import_or_skip("nbclient", "pip install nbclient ipykernel")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    cells = {path.stem: stored(path).cells for path in NOTEBOOKS}
    for code in (cell for part in cells.values() for cell in part if cell.cell_type == "code"):
        assert (code.outputs, code.execution_count) == ([], None)
    whole = stored(NOTEBOOKS[0])
    forget = import_or_skip("nbformat", "pip install nbformat").v4.new_code_cell("%reset -f")
    whole.cells = [cell for part in cells.values() for cell in (*part, forget)]
    where = {"metadata": {"path": str(tmp_path)}}
    client.NotebookClient(whole, timeout=120, kernel_name="python3", resources=where).execute()
    for name, part in cells.items():
        outputs = [output for cell in part for output in cell.get("outputs", ())]
        kinds = {kind for output in outputs for kind in output.get("data", ())}
        assert "text/html" in kinds, name
        assert ("image/png" in kinds) is (name == "spikes")
