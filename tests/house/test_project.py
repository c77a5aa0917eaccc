"""The pages about the project agree with its settings: version, licence, checks, links."""

import re
import tomllib

import pytest

from support.paths import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def text(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def cited(key: str) -> str:
    """A value at the top level of CITATION.cff."""
    (value,) = re.findall(rf"^{key}: (\S+)$", text(".github/CITATION.cff"), re.M)
    return value


def newest_release(changes: str) -> tuple[str, str]:
    """Version and day of the newest release; `Unreleased` may stand above it."""
    headings = re.findall(r"^## (.*)$", changes, re.M)
    newest = headings[1] if headings[0] == "Unreleased" else headings[0]
    found = re.fullmatch(r"(\d+\.\d+\.\d+) \((\d{4}-\d\d-\d\d)\)", newest)
    assert found is not None, newest
    return found[1], found[2]


def test_version_and_day_of_the_release_are_the_same_everywhere() -> None:
    version, day = newest_release(text("ultralif_deploy/CHANGELOG.md"))
    assert version == PROJECT["version"]
    assert (cited("version"), cited("date-released")) == (version, day)
    assert (cited("title"), cited("license")) == (PROJECT["name"], PROJECT["license"])


def test_the_newest_release_is_the_first() -> None:
    both = "## 0.2.0 (2027-01-31)\n## 0.1.0 (2026-11-26)\n"
    assert newest_release(f"# Changes\n{both}") == ("0.2.0", "2027-01-31")
    assert newest_release(f"# Changes\n## Unreleased\n{both}") == ("0.2.0", "2027-01-31")
    for heading in ("next", "0.2.0", "0.2.0 (soon)"):
        with pytest.raises(AssertionError, match=re.escape(heading)):
            newest_release(f"## {heading}\n{both}")


def test_every_change_has_its_day_and_the_newest_stands_first() -> None:
    for theme in text("ultralif_deploy/CHANGELOG.md").split("\n### ")[1:]:
        days = re.findall(r"^- (\d{4}-\d\d-\d\d): ", theme, re.M)
        assert len(days) == len(re.findall(r"^- ", theme, re.M)), theme
        assert days == sorted(days, reverse=True), theme


def test_commits_are_checked_as_ci_checks_them() -> None:
    entries = re.findall(r"^ +entry: (.+)$", text(".pre-commit-config.yaml"), re.M)
    linters = text(".ci/run").partition('echo "== linters"\n')[2]
    assert entries == linters.splitlines()


def test_ci_runs_on_the_oldest_python() -> None:
    workflow = text(".github/workflows/ci.yml")
    (python,) = re.findall(r'python-version: "(.+)"', workflow)
    assert PROJECT["requires-python"] == f">={python}"
    assert re.search(r"^ +- run: .*\.ci/run$", workflow, re.M)


PAGES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / ".github").rglob("*.md"))


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", text(page)):
        assert (ROOT / page).parent.joinpath(target).exists(), target
