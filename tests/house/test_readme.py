"""README and pages of documentation say what the commands say, and their links lead somewhere."""

import re
from pathlib import Path

import pytest

from support.commands import ultralif
from support.paths import ROOT
from support.scripts import run_script
from ultralif_deploy.cli.information.documentation import pages, title, written_page

README = ROOT / "README.md"
PAGES = [README, *pages().values()]
NAMES = [path.stem for path in PAGES]


SCRIPTS = ("command_reference.py", "api_reference.py", "framework_layers.py")


@pytest.mark.parametrize("script", SCRIPTS)
def test_generated_pages_are_current(script: str) -> None:
    run_script(script, "--check")


@pytest.mark.parametrize("path", PAGES, ids=NAMES)
def test_every_option_in_the_examples_exists(path: Path) -> None:
    blocks = "".join(re.findall(r"```sh\n(.*?)```", path.read_text("utf-8"), re.DOTALL))
    lines = re.findall(r"^(?:.*/)?ultralif (\w+)(.*)$", blocks, re.MULTILINE)
    assert path != README or len(lines) >= 3
    for command, rest in lines:
        short = ultralif(command, "--help").out
        text = ultralif(command, "--help-all").out if "--help-all" in short else short
        for option in re.findall(r"(?<=\s)--?[a-z][a-z-]*", rest):
            assert re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", text), (command, option)


@pytest.mark.parametrize("path", PAGES, ids=NAMES)
def test_links_lead_to_files(path: Path) -> None:
    text = path.read_text("utf-8")
    prose = re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)#:]+)\)", prose):
        assert (path.parent / link).exists(), link
    assert text.startswith("# ")


def test_scripts_of_the_pages_exist() -> None:
    named = {
        s for path in PAGES for s in re.findall(r"python (examples/\S+\.py)", path.read_text())
    }
    assert len(named) > 5
    assert [script for script in named if not (ROOT / script).exists()] == []


def test_the_readme_names_every_page_and_is_short() -> None:
    text = README.read_text("utf-8")
    assert len(text.splitlines()) <= 150
    for path in (ROOT / "ultralif_deploy" / "docs").glob("*.md"):
        assert f"[{path.stem}](ultralif_deploy/docs/{path.name})" in text


def test_docs_lists_and_prints_pages() -> None:
    listed = ultralif("docs").out
    for name, path in pages().items():
        assert re.search(rf"^{name} +{re.escape(title(path))}$", listed, re.MULTILINE)
    assert ultralif("docs", "energy").out.startswith("# What it costs")
    missing = ultralif("docs", "energie")
    assert missing.code == 2
    assert "no page 'energie'; expected one of accuracy" in missing.err


def test_pages_become_html() -> None:
    written = written_page(pages()["accuracy"])
    text = written.read_text("utf-8")
    assert "<table>" in text
    assert "<h1>What hardening and quantization cost</h1>" in text
    written.unlink()
    written.parent.rmdir()


def test_no_line_is_left_to_fill_in() -> None:
    assert not any(re.search(r"@[A-Z]+@", path.read_text("utf-8")) for path in PAGES)
