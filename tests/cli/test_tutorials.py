"""Every command of the tutorials, in their order, with one epoch of each training."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import ultralif_deploy
from support.requirements import requires

PAGE = Path(ultralif_deploy.__file__).parent / "docs" / "tutorials.md"
EXAMPLES = Path(__file__).parents[2] / "examples"
BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```$", re.M | re.S)
FEWER = "--limit 20 --certify 2 --on fast"
"""What the test adds to deployments; the last of two options of a name counts."""


def shortened(block: str) -> str:
    """The same commands with less work in each."""
    block = re.sub(r"--epochs \d+", "--epochs 1", block)
    block = block.replace("mynet.py ", "mynet.py --epochs 1 ")
    return re.sub(r"^(ultralif deploy [^#\n]*)", rf"\1 {FEWER} ", block, flags=re.M)


def tutorials() -> dict[str, list[tuple[str, str]]]:
    """Blocks of each section: language and text."""
    sections = PAGE.read_text("utf-8").split("\n## ")[1:]
    return {text.split("\n", 1)[0]: BLOCK.findall(text) for text in sections}


@requires("c")
def test_all_commands_run(tmp_path: Path) -> None:
    (tmp_path / "examples").mkdir()
    shutil.copy(EXAMPLES / "mynet.py", tmp_path / "examples")
    paths = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": paths, "OMP_NUM_THREADS": "1"}
    for section, blocks in tutorials().items():
        assert blocks, section
        for language, text in blocks:
            run = (
                ["bash", "-ec", shortened(text)]
                if language == "sh"
                else [sys.executable, "-c", text]
            )
            done = subprocess.run(
                run, cwd=tmp_path, env=environment, capture_output=True, text=True
            )
            assert done.returncode == 0, f"{section}: {text}\n{done.stderr[-2000:]}"
    assert (tmp_path / "events" / "certificate.json").is_file()
    assert (tmp_path / "mychip.toml").is_file()
