"""`ultralif compare`: two reports side by side."""

import json
from pathlib import Path
from typing import Any

import pytest

from support.commands import DEMO, refused, ultralif
from support.reports import against, load, verified, written
from ultralif_deploy.report.words import points, rate


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The embedded network with 8 and 4 bits."""
    return [verified(tmp_path_factory.mktemp(f"bits{bits}"), bits) for bits in (8, 4)]


def test_figures_are_those_of_the_reports(reports: list[Path]) -> None:
    found = ultralif("compare", *reports, "--json").json()
    a, b = map(load, reports)
    ends = a["accuracy"]["gap_ci95"], b["accuracy"]["gap_ci95"]
    assert found["files"] == [str(path) for path in reports]
    assert found["size"]["bits per weight"] == {
        **{"first": 8, "second": 4, "difference": -4, "ratio": 0.5}
    }
    for group, name, path in (
        ("accuracy", "as trained", ("accuracy", "soft")),
        ("accuracy", "hard", ("accuracy", "hard")),
        ("accuracy", "integer", ("accuracy", "integer")),
        ("accuracy", "gap, points", ("accuracy", "gap_soft_integer")),
        ("energy", "loihi1", ("energy", "devices", "loihi1", "per_inference_j")),
        ("spike rate", "neuron", ("populations", "neuron", "spike_rate_integer")),
        (
            "operations",
            "synaptic, per inference",
            ("energy", "synaptic_operations_per_inference"),
        ),
    ):
        first, second = a, b
        for key in path:
            first, second = first[key], second[key]
        expected = {"first": first, "second": second, "difference": second - first}
        if group != "accuracy":
            expected["ratio"] = second / first
        row = found[group][name]
        assert row.pop("ci95", None) == (
            None if name != "gap, points" else {"first": ends[0], "second": ends[1]}
        )
        assert row == expected
    assert found["size"]["C, bytes of state"]["first"] is None


def test_spikes_and_cores(reports: list[Path], tmp_path: Path) -> None:
    found = ultralif("compare", *reports, "--json").json()
    report = load(reports[0])
    counted, inputs = report["energy"]["populations"], report["energy"]["projections"]
    spikes = {k: row["first"] for k, row in found["spikes"].items()}
    assert spikes == {
        "of the input, per inference": pytest.approx(inputs["input->neuron"]["spikes"]),
        "of neurons, per inference": pytest.approx(counted["neuron"]["spikes"]),
    }
    same = {"first": 2, "second": 2, "difference": 0, "ratio": 1}
    assert found["placement"]["loihi1, neuron cores"] == same  # the energy model's run
    assert found["placement"]["loihi2, chips"]["missing"]["first"] == "not measured"
    report["backends"]["loihi1"] = {"facts": {"placement": {"cores": 3, "chips": 1}}}
    report["backends_not_run"]["loihi2"] = {"why": "refused"}
    found = against(reports[0], report, tmp_path)["placement"]
    assert found["loihi1, neuron cores"] == {"first": 2, "second": 3, "difference": 1, "ratio": 1.5}
    assert found["loihi2, chips"]["missing"]["second"] == "not placed"
    report["energy"]["chips"]["loihi1"], report["backends"] = {"refused": "too large"}, {}
    found = against(reports[0], report, tmp_path)["placement"]["loihi1, neuron cores"]
    assert found["missing"] == {"first": None, "second": "not placed"}


def test_compiled_sizes_where_there_are_some(reports: list[Path], tmp_path: Path) -> None:
    report = load(reports[0])
    report["backends"]["c"] = {"facts": {"ram_bytes": 424}}  # without the tool `size`
    found = against(reports[0], report, tmp_path)["size"]
    assert found["C, bytes of state"]["second"] == 424
    assert found["C, bytes of code and constants"]["missing"]["second"] == "not measured"


def test_samples_without_labels(reports: list[Path], tmp_path: Path) -> None:
    report = load(reports[0])
    report["accuracy"] |= dict.fromkeys(("soft", "gap_soft_integer", "gap_ci95"))
    found = against(reports[0], report, tmp_path)["accuracy"]
    assert found["as trained"]["missing"] == {"first": None, "second": "not measured"}
    assert found["gap, points"]["missing"] == {"first": None, "second": "not measured"}
    assert found["gap, points"]["ci95"]["second"] is None


def test_another_tools_network(reports: list[Path], tmp_path: Path) -> None:
    """Its float network stands where a checkpoint has its soft one, under the same keys."""
    report = load(reports[0])
    report["source"]["architecture"] = None
    figures = {"soft": 0.75, "hard": 0.75, "integer": 0.5, "gap_soft_integer": 25.0}
    report["accuracy"] |= {"compared": "float", "gap_ci95": [20.0, 30.0], **figures}
    found = against(reports[0], report, tmp_path)["accuracy"]
    expected = {"as trained": 0.75, "hard": 0.75, "integer": 0.5, "gap, points": 25.0}
    assert {name: row["second"] for name, row in found.items()} == expected


def test_ratios_that_are_none(reports: list[Path], tmp_path: Path) -> None:
    report = load(reports[0])
    report["program"] |= {"parameters": 0, "neurons": 1e-300, "timesteps": 1e299}
    found = against(reports[0], report, tmp_path)["size"]
    assert found["parameters"]["ratio"] == 0
    path = written(report, tmp_path)
    found = ultralif("compare", path, reports[0], "--json").json()["size"]
    assert found["parameters"]["ratio"] is None
    report["program"]["neurons"], least = 1e299, load(path)
    least["program"]["neurons"] = 1e-300
    (tmp_path / "least.json").write_text(json.dumps(least), encoding="utf-8")
    path = written(report, tmp_path)
    found = ultralif("compare", tmp_path / "least.json", path, "--json").json()["size"]
    assert found["neurons"]["ratio"] is None  # larger than a float


def test_directories_that_hold_reports(reports: list[Path], tmp_path: Path) -> None:
    directories = [path.parent for path in reports]
    assert ultralif("compare", *directories).out == ultralif("compare", *reports).out
    line = refused("compare", directories[0], tmp_path)
    assert f"{tmp_path}: no report.json in this directory; expected one that" in line


def test_equal_reports_differ_in_nothing(reports: list[Path]) -> None:
    found = ultralif("compare", reports[0], reports[0], "--json").json()
    assert found.pop("conditions") == {}
    del found["files"]
    differences = [row["difference"] for rows in found.values() for row in rows.values()]
    assert set(differences) <= {0, None}
    assert differences.count(0) > 10


def test_other_conditions_are_said(reports: list[Path], tmp_path: Path) -> None:
    assert ultralif("compare", *reports, "--json").json()["conditions"] == {}
    other = load(reports[1])
    other["data"] |= {"seed": 3, "name": "\x1b[31mred"}
    other["assumed"]["gain"]["value"] = 0.25
    path = tmp_path / "other.json"
    path.write_text(json.dumps(other), encoding="utf-8")
    found = ultralif("compare", reports[0], path, "--json").json()["conditions"]
    assert found == {
        "name": ["digits", "\x1b[31mred"],
        "seed": ["0", "3"],
        "gain": ["0.5", "0.25"],
    }
    printed = ultralif("compare", reports[0], path).out
    assert "Measured differently" in printed
    assert "\x1b" not in printed


def test_tables(reports: list[Path]) -> None:
    printed = ultralif("compare", *reports).out
    for text in ("accuracy", "spike rate", "energy", "loihi1", "bits per weight", "−4", "×0.50"):
        assert text in printed
    low, high = load(reports[0])["accuracy"]["gap_ci95"]
    assert f"({points(low)} to {points(high)})" in printed
    assert rate(load(reports[0])["populations"]["neuron"]["spike_rate_integer"]) in printed


def test_figures_that_are_missing_say_why(reports: list[Path], tmp_path: Path) -> None:
    other = load(reports[0])
    devices = other["energy"]["devices"]
    devices["loihi1"] |= {"per_inference_j": None, "not_published": ["hop"]}
    devices["cmos45"] |= {"per_inference_j": None}
    del devices["step"]
    other["populations"]["deeper"] = other["populations"].pop("neuron")
    found = against(reports[0], other, tmp_path)
    for name, why in (
        ("loihi1", "not published"),
        ("cmos45", "not placed"),
        ("step", "not measured"),
    ):
        assert found["energy"][name]["missing"] == {"first": None, "second": why}
    assert found["spike rate"]["deeper"]["missing"]["first"] == "no such population"
    lines = ultralif("compare", reports[0], written(other, tmp_path)).out.splitlines()
    (line,) = (line for line in lines if "loihi1 " in line)
    assert [cell.strip() for cell in line.split("│")[3:6]] == ["not published", "–", "–"]


DEVICE = """description = "mine"
model = "synaptic"
badge = "estimated"
node = "7 nm"
not_covered = "the rest"
[constants.synaptic_operation]
value = 2.0
unit = "pJ"
covers = "x"
source = "measured"
mark = "V"
"""


def test_devices_of_one_name_with_other_constants(tmp_path: Path) -> None:
    run = ("deploy", DEMO, "--data", "digits", "--limit", 5, "--certify", 1, "--on", "fast")
    for name, text in (
        ("same", DEVICE.replace("measured", "measured again")),
        ("first", DEVICE),
        ("second", DEVICE.replace("2.0", "3.0\nlow = 2.5\nhigh = 3.0")),
        ("none", DEVICE.replace("2.0", '"unknown"')),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "mine.toml").write_text(text, encoding="utf-8")
        device = f"cmos45,{tmp_path / name / 'mine.toml'}"
        assert ultralif(*run, "--energy-device", device, "-o", tmp_path / name).code == 0
    paths = {name: tmp_path / name for name in ("same", "first", "second", "none")}
    found = ultralif("compare", paths["first"], paths["second"], "--json").json()
    words = ["synaptic_operation 2 pJ", "synaptic_operation 3 pJ (2.5 – 3)"]
    assert found["conditions"] == {"device mine": words}
    assert found["energy"]["mine"]["ratio"] == pytest.approx(1.5, rel=1e-12)
    printed = " ".join(ultralif("compare", paths["first"], paths["second"]).out.split())
    assert f"not made alike, device mine: first {words[0]}; second {words[1]}" in printed
    assert "Measured differently" not in printed
    found = ultralif("compare", paths["first"], paths["same"], "--json").json()
    assert found["conditions"] == {}
    found = ultralif("compare", paths["first"], paths["none"], "--json").json()
    assert found["conditions"]["device mine"][1] == "synaptic_operation not published"
    assert found["energy"]["mine"]["missing"]["second"] == "not published"


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [("unit", "W", "2 W"), ("access_bits", 64, "2 pJ per 64 bits"), ("low", 1.0, "2 pJ (1 – 2)")],
)
def test_all_of_a_constant_counts(
    reports: list[Path], tmp_path: Path, key: str, value: Any, words: str
) -> None:
    constant: dict[str, Any] = {"value": 2.0, "low": 2.0, "high": 2.0}
    constant |= {"unit": "pJ", "access_bits": None}
    other = load(reports[0])
    other["energy"]["devices"]["cmos45"]["constants"] = {"add": constant}
    first = tmp_path / "first.json"
    first.write_text(json.dumps(other), encoding="utf-8")
    constant[key] = value
    found = against(first, other, tmp_path)["conditions"]
    assert found == {"device cmos45": ["add 2 pJ", f"add {words}"]}
    other["energy"]["devices"]["cmos45"]["model"] = "another"
    second = against(first, other, tmp_path)["conditions"]["device cmos45"][1]
    assert second == f"add {words}, model another"


def test_a_program_that_only_one_chip_holds(reports: list[Path], tmp_path: Path) -> None:
    other = load(reports[0])
    other["energy"]["devices"]["loihi1"]["note"] = "not placed: sums reach 53120"
    found = against(reports[0], other, tmp_path)["conditions"]
    assert found == {"device loihi1": ["program placed", "program not placed"]}


def test_networks_with_other_layers_and_devices(reports: list[Path], tmp_path: Path) -> None:
    other = load(reports[0])
    other["populations"] = {"[bold]\x1b[31mred": other["populations"]["neuron"]}
    other["energy"]["devices"]["mine"] = other["energy"]["devices"].pop("loihi1")
    other["energy"]["devices"]["mine"]["per_inference_j"] = None
    path = tmp_path / "other.json"
    path.write_text(json.dumps(other), encoding="utf-8")
    found = ultralif("compare", reports[0], path, "--json").json()
    nothing = {"second": None, "difference": None, "ratio": None}
    missing = {"missing": {"first": "not measured", "second": "not placed"}}
    assert found["energy"]["mine"] == {"first": None} | nothing | missing
    assert found["energy"]["loihi1"]["difference"] is None
    assert found["spike rate"]["neuron"]["second"] is None
    printed = ultralif("compare", reports[0], path).out
    assert "\x1b" not in printed
    assert "[bold]�[31mred" in printed
