"""The README says what the commands say."""

import re
import subprocess
import sys

from support.commands import ultralif
from support.paths import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_command_reference_is_current() -> None:
    script = ROOT / "examples" / "command_reference.py"
    subprocess.run([sys.executable, str(script), "--check"], check=True)


def test_every_option_in_the_examples_exists() -> None:
    blocks = "".join(re.findall(r"```sh\n(.*?)```", README, re.DOTALL))
    lines = re.findall(r"^(?:.*/)?ultralif (\w+)(.*)$", blocks, re.MULTILINE)
    assert len(lines) >= 3
    for command, rest in lines:
        short = ultralif(command, "--help").out
        text = ultralif(command, "--help-all").out if "--help-all" in short else short
        for option in re.findall(r"(?<=\s)--?[a-z][a-z-]*", rest):
            assert re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", text), (command, option)


def test_no_line_is_left_to_fill_in() -> None:
    assert not re.search(r"@[A-Z]+@", README)
