"""Every command of the tutorials, in their order, with one epoch of each training."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import ultralif_deploy
from support.commands import ultralif
from support.requirements import requires, requires_tool
from ultralif_deploy.energy.devices import load_device

PAGE = Path(ultralif_deploy.__file__).parent / "docs" / "tutorials.md"
EXAMPLES = Path(__file__).parents[2] / "examples"
BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```$", re.M | re.S)
FEWER = r"\1--on fast \2 --limit 20 --certify 2 "
"""What the test makes of deployments; the last of two options of a name counts."""
SMALLER = {
    "--on fast,verilog,c-cortex-m4": "--on c-cortex-m4",  # `make check` runs the Verilog
    "--hidden 16": "--hidden 4",
    "--lanes 4": "--lanes 1",
}


def shortened(block: str) -> str:
    """The same commands with less work in each, and without those that are long."""
    block = re.sub(r"^.*# long: .*\n", "", block, flags=re.M)
    for old, new in SMALLER.items():
        block = block.replace(old, new)
    block = re.sub(r"--epochs \d+", "--epochs 1", block)
    block = block.replace("mynet.py ", "mynet.py --epochs 1 ")
    return re.sub(r"^(ultralif deploy )([^#\n]*)", FEWER, block, flags=re.M)


def tutorials() -> dict[str, list[tuple[str, str]]]:
    """Blocks of each section: language and text."""
    sections = PAGE.read_text("utf-8").split("\n## ")[1:]
    return {text.split("\n", 1)[0]: BLOCK.findall(text) for text in sections}


def commands(block: str) -> list[str]:
    """The lines of a shell block, each whole."""
    lines = block.replace("\\\n", " ").splitlines()
    return [line for line in lines if line.strip()]


def test_the_device_file_is_one(tmp_path: Path) -> None:
    (text,) = re.findall(r"^```toml\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S)
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    assert load_device(str(path)).constants["synaptic_operation"].value == 3.2


@requires("c")
@requires("c-cortex-m4")
@requires_tool("cmake", "apt-get install -y cmake")
@requires_tool("iverilog", "apt-get install -y iverilog make")
@requires_tool("yosys", "apt-get install -y yosys")
@requires_tool("icepack", "apt-get install -y nextpnr-ice40 fpga-icestorm")
def test_all_commands_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "examples").mkdir()
    shutil.copy(EXAMPLES / "mynet.py", tmp_path / "examples")
    paths = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    monkeypatch.setenv("PATH", paths)
    monkeypatch.chdir(tmp_path)
    for section, blocks in tutorials().items():
        assert blocks, section
        for language, text in blocks:
            for line in commands(shortened(text)) if language == "sh" else ():
                run(line)
            if language == "python":
                exec(text, {})
    assert (tmp_path / "events" / "certificate.json").is_file()
    made = ("fpga/verilog/build/ice40.bin", "firmware/build/libcamera_program.a")
    assert all((tmp_path / name).stat().st_size for name in made)
    assert (tmp_path / "mychip.toml").is_file()


def run(line: str) -> None:
    """A command of the tool in this process, which has loaded it already; others in a shell."""
    if line.startswith("ultralif "):
        outcome = ultralif(*shlex.split(line, comments=True)[1:])
        assert outcome.code == 0, f"{line}: {outcome}"
    else:
        done = subprocess.run(["bash", "-ec", line], capture_output=True, text=True)
        assert done.returncode == 0, f"{line}: {done.stderr[-2000:]}"
