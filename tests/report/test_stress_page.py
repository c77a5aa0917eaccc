"""stress.html says what stress.json says, needs nothing else, and trusts no name in it."""

import re
from copy import deepcopy

import pytest

from ultralif_deploy.report.html.drawing.charts import AXIS, TOP, log_axis
from ultralif_deploy.report.html.drawing.lines import LEFT, WIDTH, LinePoint, lines
from ultralif_deploy.report.html.stress import stress_page
from ultralif_deploy.report.stress_words import amount, kept_up_to, weights
from ultralif_deploy.schema.studies.stress import Stress, StressFault, StressLevel


def level(share: float, accuracy: float | None) -> StressLevel:
    ran = accuracy is not None
    return {
        "level": share,
        "amount": share,
        "accuracies": [accuracy, accuracy] if accuracy is not None else [],
        "accuracy": accuracy,
        "spread": 0.0 if ran else None,
        "ci95": [accuracy - 0.1, accuracy + 0.1] if accuracy is not None else None,
        "refused": 0 if ran else 2,
    }


def fault(*levels: StressLevel, place: str = "weights", unit: str = "of the bits") -> StressFault:
    return {
        "place": "inputs" if place == "inputs" else "weights",
        "meaning": "what happens",
        "unit": unit,
        "within_a_point": 0.01,
        "levels": list(levels),
    }


CONTENT: Stress = {
    "version": 1,
    "ultralif_deploy": "0.1.0",
    "program": {
        "file": "<b>&program.nir",
        "sha256": "0" * 64,
        "weight_formats": {"hidden": "ternary", "readout": "ternary"},
        "weights": 12,
        "largest_input": 1,
    },
    "data": {
        **{"name": "</svg><script>", "test_split": "test", "samples": 50, "timesteps": 4},
        **{"encoding": "rate", "seed": 3},
    },
    "seed": 3,
    "repeats": 2,
    "undisturbed": {"accuracy": 0.875, "ci95": [0.8, 0.95]},
    "faults": {
        "flip": fault(level(0.01, 0.75), level(0.1, 0.5), level(1.0, None)),
        "jitter": fault(level(0.1, 0.25), place="inputs", unit="timestep"),
    },
    "assumed": {},
}


def test_the_page_is_closed_and_escaped() -> None:
    page = stress_page(CONTENT)
    assert "&lt;b&gt;&amp;program.nir" in page
    assert "<script>" not in page.replace("<script>", "", 1)
    assert not re.search(r"(?:src|href)=\"(?!#|data:,)", page)
    assert "default-src 'none'" in page
    assert "<title>&lt;b&gt;&amp;program.nir: robustness report</title>" in page


def test_the_page_has_every_figure() -> None:
    page = stress_page(CONTENT)
    for text in ("87.50 %", "75.00 %", "25.00 %", "65.00 to 85.00 %", "80.00 to 95.00 %"):
        assert text in page, text
    assert page.count('class="dot0"><title>') == 3  # the level that never ran has no point
    assert page.count("<path") == 2
    assert "stress.json beside this file" in page


def test_a_level_that_never_ran_alone() -> None:
    content = deepcopy(CONTENT)
    content["faults"] = {"flip": fault(level(1.0, None))}
    page = stress_page(content)
    assert "<path" not in page
    assert "– at 1" in page


def test_places_of_points() -> None:
    axis = log_axis((0.01, 1.0), str, "x")
    points = [LinePoint(0.01, 1.0, 0.5, 1.0, "first"), LinePoint(1.0, 0.0, 0.0, 0.25, "last")]
    marks = lines([points], axis, "y", 200.0, 0.5)
    bottom = 200 - AXIS
    dots = [dict(m.attributes) for m in marks if m.tag == "circle"]
    assert [(d["cx"], float(d["cy"])) for d in dots] == [
        (f"{100 * LEFT:g}%", TOP),
        (f"{100 * (LEFT + WIDTH):g}%", bottom),
    ]
    (band,) = (m for m in marks if m.tag == "svg")
    path = dict(band.inside[0].attributes)["d"]
    low, high = (TOP + bottom) / 2, bottom - (bottom - TOP) / 4
    assert path == f"M0.0 {TOP:.2f}L1000.0 {high:.2f}L1000.0 {bottom:.2f}L0.0 {low:.2f}Z"
    dashed = [dict(m.attributes) for m in marks if dict(m.attributes).get("class") == "level"]
    assert [float(d["y1"]) for d in dashed] == [low]


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (0.001, "of the bits", "0.1 % of the bits"),
        (1.0, "timestep", "1 timestep"),
        (3.0, "timestep", "3 timesteps"),
        (25.5, "input unit", "25.5 input units"),
    ],
)
def test_amounts(value: float, unit: str, words: str) -> None:
    found = level(0.1, 0.5) | {"amount": value}
    assert amount(fault(unit=unit), found) == words  # type: ignore[arg-type]


def test_words() -> None:
    content = deepcopy(CONTENT)
    content["faults"]["jitter"]["within_a_point"] = None
    assert kept_up_to(content) == "flip up to 0.01, jitter at none of its levels."
    assert "reach −2 to 1" in weights(CONTENT)
    assert "reads −2" in weights(CONTENT)
    content["program"] |= {"weight_formats": {"hidden": "8", "readout": "8"}}
    assert "reach −128 to 127" in weights(content)
    assert "never stored" not in weights(content)
