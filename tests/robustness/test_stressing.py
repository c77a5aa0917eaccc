"""Accuracy under faults: the same for the same seed, and equal to what single runs give."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ultralif_deploy as ul
from support.commands import DEMO
from support.comparisons import assert_same_trace
from support.networks.nir_files import recurrent
from support.schemas import errors, validator
from ultralif_deploy.exporters.nir.programs import read_nir, write_nir
from ultralif_deploy.pipeline import quantize_checkpoint, simulate_program
from ultralif_deploy.program.fixed import INT32_MAX
from ultralif_deploy.robustness.stressing import stress
from ultralif_deploy.robustness.weights import faulted, flipped
from ultralif_deploy.simulators.fast import simulator as fast
from ultralif_deploy.simulators.reference import simulator as reference

SETTINGS = ul.Settings(data="digits", limit=60)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded network as a program, hardened as it is."""
    folder = tmp_path_factory.mktemp("demo")
    quantize_checkpoint(DEMO, folder, SETTINGS)
    return folder / "program.nir"


@pytest.fixture(scope="module")
def found(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Every fault, few levels."""
    folder = tmp_path_factory.mktemp("found")
    return stress(demo, folder, SETTINGS, levels=(0.0, 0.1, 0.5), repeats=3), folder


def test_everything_is_measured(found: Any) -> None:
    content, folder = found
    assert list(content["faults"]) == [
        "noise",
        "drop",
        "jitter",
        "stuck-at-0",
        "stuck-at-1",
        "flip",
    ]
    assert {path.name for path in folder.iterdir()} == {"stress.json", "stress.html"}
    assert errors(validator("stress"), content) == []
    for fault in content["faults"].values():
        assert [level["level"] for level in fault["levels"]] == [0, 0.1, 0.5]
        for level in fault["levels"]:
            assert len(level["accuracies"]) == 3
            assert level["refused"] == 0
            assert level["accuracy"] == pytest.approx(np.mean(level["accuracies"]))
            assert level["spread"] == pytest.approx(np.std(level["accuracies"], ddof=1))
            assert level["ci95"][0] <= level["accuracy"] <= level["ci95"][1]


def test_no_fault_is_the_undisturbed_program(found: Any, demo: Path) -> None:
    content, _ = found
    undisturbed = content["undisturbed"]["accuracy"]
    assert undisturbed == simulate_program(demo, "fast", SETTINGS)["accuracy"]
    for fault in content["faults"].values():
        assert fault["levels"][0]["accuracies"] == [undisturbed] * 3
        assert fault["levels"][0]["amount"] == 0


def test_faults_cost_accuracy(found: Any) -> None:
    content, _ = found
    for name in ("noise", "flip", "stuck-at-1"):
        last = content["faults"][name]["levels"][-1]
        assert last["ci95"][1] < content["undisturbed"]["accuracy"]
        assert content["faults"][name]["within_a_point"] in (0.0, 0.1)


def test_the_same_seed_gives_the_same_bytes(found: Any, demo: Path, tmp_path: Path) -> None:
    _, folder = found
    stress(demo, tmp_path, SETTINGS, levels=(0.5, 0.1, 0.0), repeats=3)
    for name in ("stress.json", "stress.html"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_other_faults_and_levels_change_nothing(found: Any, demo: Path, tmp_path: Path) -> None:
    content, _ = found
    alone = stress(demo, tmp_path, SETTINGS, faults=["flip"], levels=[0.1], repeats=2)
    (level,) = alone["faults"]["flip"]["levels"]
    assert level["accuracies"] == content["faults"]["flip"]["levels"][1]["accuracies"][:2]
    seeded = replace(SETTINGS, seed=4)
    other = stress(demo, tmp_path, seeded, faults=["flip"], levels=[0.1], repeats=2)
    assert other["seed"] == 4
    assert other["faults"]["flip"]["levels"][0] != level


def test_repeats_have_faults_of_their_own(found: Any) -> None:
    content, _ = found
    assert len(set(content["faults"]["flip"]["levels"][1]["accuracies"])) > 1
    assert len(set(content["faults"]["noise"]["levels"][1]["accuracies"])) > 1


def test_one_repeat_has_no_spread(demo: Path, tmp_path: Path) -> None:
    content = stress(demo, tmp_path, SETTINGS, faults=["drop"], levels=[0.1], repeats=1)
    (level,) = content["faults"]["drop"]["levels"]
    assert level["spread"] is None
    assert level["ci95"] is not None


def test_broken_bounds_are_counted_and_not_run(demo: Path, tmp_path: Path) -> None:
    """T is the longest that the stored weights allow; flipped bits make larger ones."""
    program = read_nir(demo)
    bound = program.current_bounds[program.readout.name]
    write_nir(replace(program, timesteps=INT32_MAX // bound), tmp_path / "long.nir")
    settings = replace(SETTINGS, timesteps=10)
    content = stress(
        tmp_path / "long.nir", tmp_path, settings, faults=["flip", "stuck-at-0"], levels=[0, 0.5]
    )
    kept, broken = content["faults"]["flip"]["levels"]
    assert (kept["refused"], len(kept["accuracies"])) == (0, 5)
    assert (broken["refused"], broken["accuracies"]) == (5, [])
    assert broken["accuracy"] is broken["spread"] is broken["ci95"] is None
    assert content["faults"]["flip"]["within_a_point"] == 0
    assert errors(validator("stress"), content) == []
    page = (tmp_path / "stress.html").read_text(encoding="utf-8")
    assert "– at 0.5" in page


@pytest.mark.parametrize("bits", [8, 3, "ternary"])
def test_faulty_programs_run_alike_on_the_reference(tmp_path: Path, bits: int | str) -> None:
    quantize_checkpoint(DEMO, tmp_path, SETTINGS, bits)
    program = faulted(read_nir(tmp_path / "program.nir"), flipped, 0.2, np.random.default_rng(1))
    values = np.random.default_rng(2).integers(0, 2, (program.timesteps, 4, 64), dtype=np.uint8)
    fast_run = fast.load(program).run(values, record=True)
    assert_same_trace(fast_run, reference.load(program).run(values, record=True))
    if bits == "ternary":
        assert min(int(p.map.matrix().min()) for p in program.projections) == -2


def test_networks_of_other_tools(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    frames = (rng.random((20, 12, 6)) < 0.4).astype(np.uint8)
    np.savez(tmp_path / "data.npz", x_test=frames, y_test=rng.integers(0, 3, 20))
    settings = ul.Settings(data=tmp_path / "data.npz")
    content = stress(recurrent(tmp_path / "model.nir"), tmp_path, settings, bits=4, repeats=1)
    assert set(content["program"]["weight_formats"].values()) == {"4"}
    assert content["assumed"]
    assert errors(validator("stress"), content) == []
