"""The training in the report: a sentence in both forms, ε and accuracies as lines."""

import re
from pathlib import Path
from typing import Any

import pytest

from support.commands import DEMO, ultralif
from support.reports import load, verified
from support.schemas import errors, validator
from ultralif_deploy.report.html import render_html
from ultralif_deploy.report.html.training import COLOURS, training_section
from ultralif_deploy.report.summary import training_text


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Of a network whose file holds no trajectory."""
    return load(verified(tmp_path_factory.mktemp("report"), 8))


def epochs(count: int, populations: int) -> list[dict[str, Any]]:
    names = [f"neuron{i}" for i in range(1, populations + 1)]
    return [
        {
            **{"epoch": e, "loss": 1.0, "epsilon": 1 / e, "soft_accuracy": 0.5 + 0.1 * (e == 2)},
            **{"hard_accuracy": 0.25, "spike_rate": 0.3, "epsilons": dict.fromkeys(names, 1 / e)},
        }
        for e in range(1, count + 1)
    ]


def test_other_networks_have_no_such_part(report: Any, tmp_path: Path) -> None:
    assert "training" not in report
    assert training_section(report) is None
    assert training_text(report) == ""
    assert 'id="training"' not in render_html(report)
    run = ("verify", DEMO, "--data", "digits", "--limit", 5, "--certify", 2, "--on", "fast")
    shown = ultralif(*run, "-o", tmp_path)
    assert shown.code == 0
    assert "Trained for" not in shown.out


@pytest.mark.parametrize("count", [1, 3, 40])
@pytest.mark.parametrize("populations", [0, 1, COLOURS, COLOURS + 1])
def test_lines_of_every_epoch(report: Any, count: int, populations: int) -> None:
    trained = report | {"training": epochs(count, populations)}
    assert errors(validator("report"), trained) == []
    page = render_html(trained)
    section = page[page.index('<section id="training"') :].partition("</section>")[0]
    lines = re.findall(r'points="([^"]*)" class="trace (c\d)"', section)
    shown = populations if 1 <= populations <= COLOURS else 1
    assert len(lines) == shown + 2
    for points, _ in lines:
        at = [tuple(map(float, point.split(","))) for point in points.split()]
        assert len(at) == count
        assert at[0][0] == 0
        assert at[-1][0] == (0 if count == 1 else 1000)
    heights = [float(point.split(",")[1]) for point in lines[0][0].split()]
    assert heights == sorted(heights)  # ε falls, and pixels count downwards
    best = min(2, count)
    assert f"Trained for {count} epochs, ε from 1 to {1 / count:.3g}; on held-out" in section
    assert f"epoch {best} was the best: soft {50 + 10 * (best == 2)}.00 %, hard 25.00 %" in section
    if count == 3 and populations == 1:
        assert "neuron1 from 1 to 0.333." in section
        assert "soft, at the learned ε from 50 % to 50 %" in section


def test_names_are_escaped(report: Any) -> None:
    rows = epochs(2, 1)
    for row in rows:
        row["epsilons"] = {"<b>": 1.0}
    page = render_html(report | {"training": rows})
    assert "<b>" not in page
    assert "&lt;b&gt; from 1 to 1" in page


def test_a_broken_trajectory_ends_the_command(tmp_path: Path) -> None:
    import torch

    content = torch.load(DEMO, weights_only=True)
    content["ultralif_deploy"]["trajectory"] = [{"loss": "x"}]
    torch.save(content, tmp_path / "net.pt")
    outcome = ultralif("deploy", tmp_path / "net.pt", "--data", "digits", "-o", tmp_path / "out")
    assert outcome.code == 2
    assert "net.pt: trajectory, epoch 1: loss is 'x'" in outcome.err
    assert not (tmp_path / "out").exists()
