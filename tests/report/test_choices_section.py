"""Bits chosen by `auto` in the report: a sentence, a chart and a table."""

import json
import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

import ultralif_deploy as ul
from ultralif_deploy.data import loading
from ultralif_deploy.report.choices_words import choice_text, choices_texts
from ultralif_deploy.report.html import render_html
from ultralif_deploy.report.html.choices import choices_section

CHECKPOINT = Path(loading.__file__).parent / "digits_ultraplif.pt"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Any:
    directory = tmp_path_factory.mktemp("auto")
    settings = ul.Settings(data="digits", timesteps=2, spike_bits="auto")
    ul.deploy(CHECKPOINT, directory, settings, bits="auto", max_gap=2.0, back_ends=("fast",))
    return json.loads((directory / "report.json").read_text("utf-8"))


def test_every_candidate_is_in_the_page(report: Any) -> None:
    page = render_html(report)
    section = page[page.index('<section id="bits"') :].partition("</section>")[0]
    tried = [c for key in ("spike_choice", "weight_choice") for c in report[key]["candidates"]]
    assert section.count("<circle") == 2 * len(tried)  # over bits, and over joules
    assert len(re.findall(r"<td[^>]*>(<[^>]*>)?chosen<", section)) == 2
    for said in choices_texts(report):
        assert said[:40] in section


def test_nothing_was_chosen(report: Any) -> None:
    plain = {k: v for k, v in report.items() if not k.endswith("_choice")}
    assert choices_section(plain) is None  # type: ignore[arg-type]
    assert choices_texts(plain) == []  # type: ignore[arg-type]
    assert 'id="bits"' not in render_html(plain)  # type: ignore[arg-type]


def test_words(report: Any) -> None:
    choice = deepcopy(report["weight_choice"])
    text = choice_text(choice, "weights")
    assert "training samples" in text
    assert "points of accuracy" in text
    assert "no candidate" not in text
    for one in choice["candidates"]:
        one["accuracy"] = None
    choice |= {"accuracy": None, "reached": False}
    text = choice_text(choice, "weights")
    assert "% of the predictions change" in text
    assert text.endswith("no candidate loses so little.")
