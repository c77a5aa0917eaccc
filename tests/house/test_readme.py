"""README and pages of documentation say what the commands say, and their links lead somewhere."""

import html
import re
import shlex
import subprocess
import sys
import tempfile
from itertools import groupby
from pathlib import Path

import click
import pytest

from support.commands import ultralif
from support.paths import ROOT
from support.scripts import run_script
from ultralif_deploy.cli.commands import main
from ultralif_deploy.cli.information import documentation, html_pages
from ultralif_deploy.cli.information.html_pages import write_pages
from ultralif_deploy.cli.information.pages import INDEX, groups, pages, title

README = ROOT / "README.md"
PAGES = [README, *pages().values()]
NAMES = [path.stem for path in PAGES]


SCRIPTS = (
    *("command_reference.py", "api_reference.py", "framework_layers.py", "report_reference.py"),
    *("conventions_reference.py", "concept_pictures.py"),
)


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
def test_every_command_takes_what_the_examples_give_it(path: Path) -> None:
    """Names and values of options, and the number of arguments; nothing is run."""
    text = path.read_text("utf-8")
    blocks = "".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL)).replace("\\\n", " ")
    # A command keeps the names of its option for help from its first context.
    parent = click.Context(main, info_name="ultralif", **main.context_settings)
    for line in blocks.splitlines():
        words = shlex.split(line, comments=True)
        for chained, one in groupby(words, lambda word: word in ("&&", "&", "|", ";")):
            name, *given = one
            if chained or Path(name).name != "ultralif" or given[0] not in main.commands:
                continue
            with main.commands[given[0]].make_context(given[0], given[1:], parent) as context:
                assert not context.args, line


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


def test_the_index_has_every_page_once() -> None:
    listed = [name for names in groups().values() for name in names]
    assert sorted([INDEX, *listed]) == sorted(pages())


def test_without_a_page_the_index_opens_on_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(html_pages, "write_pages", lambda: tmp_path)
    opened: list[str] = []
    monkeypatch.setattr(click, "launch", opened.append)
    ultralif("docs")
    assert opened == []
    monkeypatch.setattr(documentation, "_is_terminal", lambda: True)
    said = [ultralif("docs").out, ultralif("docs", "energy", "--open").out]
    assert [one.split()[0] for one in said] == opened
    assert [Path(one).name for one in opened] == ["index.html", "energy.html"]
    assert "accuracy " in ultralif("docs", "--list").out


def test_html_pages_lead_to_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder = write_pages()
    for name, path in pages().items():
        text = (folder / f"{name}.html").read_text("utf-8")
        assert f"<h1>{html.escape(title(path), quote=False)}" in text
        links = re.findall(r'(?:href|src)="([^"#:]+)', text)
        assert len(links) >= len(pages())
        assert [link for link in links if not (folder / link).is_file()] == [], name
    assert "<table>" in (folder / "accuracy.html").read_text("utf-8")


def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    """As the README says; links to pages and headings are checked."""
    (line,) = re.findall(r"sphinx-build (.+)`", README.read_text("utf-8"))
    options = line.replace("build/site", str(tmp_path / "site")).split()
    command = [sys.executable, "-m", "sphinx", "-q", "-d", str(tmp_path / "trees"), *options]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (0, "")
    for path in pages().values():
        page = path.relative_to(ROOT / "ultralif_deploy").with_suffix(".html")
        assert (tmp_path / "site" / page).is_file()


def test_no_line_is_left_to_fill_in() -> None:
    assert not any(re.search(r"@[A-Z]+@", path.read_text("utf-8")) for path in PAGES)


def test_no_command_needs_a_folder_beside_the_repository() -> None:
    for path in (*PAGES, *(ROOT / "examples").rglob("*.py")):
        assert "../shared" not in path.read_text("utf-8"), path
