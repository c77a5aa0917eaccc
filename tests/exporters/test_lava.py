"""Exported Lava folders: run by real lava-nc in its own environment, equal to the reference."""

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from support.commands import DEMO, ultralif
from support.comparisons import assert_same_trace
from support.lava_comparisons import LAVA_PYTHON, equal_where_not_refused
from support.planting import change_file
from support.strategies.programs import programs
from support.strategies.second_order import SPIKING
from support.strategies.shapes import GRADED
from ultralif_deploy import read_nir
from ultralif_deploy.errors import Refused, UltralifError
from ultralif_deploy.program.graph import INPUT, Conv2d, Dense, Projection
from ultralif_deploy.program.neurons import Integrator, Threshold
from ultralif_deploy.program.program import Input, Population, Program
from ultralif_deploy.program.trace import run_in_steps
from ultralif_deploy.simulators.reference import simulator as reference
from ultralif_deploy.simulators.runners import lava as lava_runner
from ultralif_deploy.verify.backends import EXPORTERS, load_on, load_written

FLAVOURS = ("lava", "lava-loihi1", "lava-custom")

lava = pytest.mark.skipif(
    LAVA_PYTHON is None and not os.environ.get("CI"),
    reason=f"{lava_runner.PYTHON} does not name a Python with Lava",
)


@pytest.fixture(autouse=True)
def with_lava(monkeypatch: pytest.MonkeyPatch) -> None:
    if LAVA_PYTHON is not None:
        monkeypatch.setenv(lava_runner.PYTHON, LAVA_PYTHON)


@pytest.fixture
def warm(warm_lava: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs start with Lava imported. Tests of starts and of failures do without."""
    monkeypatch.setenv(lava_runner.PYTHON, warm_lava)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded network as a program."""
    directory = tmp_path_factory.mktemp("demo")
    done = ultralif(
        *("deploy", DEMO, "--data", "digits", "--certify", 20),
        *("--on", "reference", "-o", directory),
    )
    assert done.code == 0, done.err
    return directory / "program.nir"


@lava
@pytest.mark.usefixtures("warm")
def test_programs_are_equal_to_the_reference() -> None:
    expressed = equal_where_not_refused(programs(), 3, FLAVOURS)
    assert min(expressed["lava"], expressed["lava-custom"]) >= 2


@lava
@pytest.mark.usefixtures("warm")
def test_threshold_programs_are_equal_in_the_registers_of_loihi_1() -> None:
    chains = programs(kinds=("threshold",), delayed=False)
    assert equal_where_not_refused(chains, 12, ("lava-loihi1",))["lava-loihi1"] >= 2


@lava
@pytest.mark.usefixtures("warm")
def test_graded_programs_are_equal_to_the_reference() -> None:
    drawn = programs(kinds=GRADED, delayed=False)
    assert equal_where_not_refused(drawn, 2, ("lava-custom",))["lava-custom"] == 2


@lava
@pytest.mark.usefixtures("warm")
def test_second_order_programs_are_equal_to_the_reference() -> None:
    drawn = programs(kinds=SPIKING, readouts=("leaky_sum",), delayed=False)
    assert equal_where_not_refused(drawn, 2, ("lava-custom",))["lava-custom"] == 2


@pytest.fixture
def inhibited() -> tuple[Program, np.ndarray]:
    """Weights of -128 alone, all their sums, and every input firing."""
    weights = Dense(np.full((2, 4), -128)), Dense(np.full((1, 2), -128))
    threshold = Threshold(np.array([-300, -513]))
    program = Program(
        Input(4),
        (
            Population("neuron", 2, threshold, np.zeros(2), np.ones(2)),
            Population("out", 1, Integrator(), np.zeros(1), np.ones(1)),
        ),
        (Projection(INPUT, "neuron", weights[0]), Projection("neuron", "out", weights[1])),
        *("8", 3, 1),
    )
    return program, np.tri(4, dtype=np.uint8)[None].repeat(3, axis=0)


@lava
@pytest.mark.usefixtures("warm")
@pytest.mark.parametrize("flavour", FLAVOURS)
def test_weights_without_a_positive_one_keep_their_smallest(
    inhibited: tuple[Program, np.ndarray], flavour: str
) -> None:
    program, inputs = inhibited
    expected = reference.load(program).run(inputs, record=True)
    assert expected.logits[:, 0].tolist() == [-768, -768, -384, -384]
    assert_same_trace(load_on(flavour, program).run(inputs, record=True), expected)


@lava
@pytest.mark.usefixtures("warm")
def test_more_timesteps_than_stock_neurons_hold_are_refused() -> None:
    """10 · 12573 is within the largest threshold, 131071; 20 · 12573 is not."""
    program = Program(
        Input(99),
        (Population("out", 1, Integrator(), np.zeros(1), np.ones(1)),),
        (Projection(INPUT, "out", Dense(np.full((1, 99), 127))),),
        *("8", 10, 1),
    )
    loaded = load_on("lava", program)
    inputs = np.ones((20, 1, 99), dtype=np.uint8)
    assert loaded.run(inputs[:10]).logits.tolist() == [[125730]]
    with pytest.raises(Refused, match="lava: out: logits may reach 251460; limit 131071"):
        loaded.run(inputs)


def test_a_relative_path_names_the_same_python_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(sys.executable).parent)
    monkeypatch.setenv(lava_runner.PYTHON, f"./{Path(sys.executable).name}")
    assert lava_runner.lava_python() == sys.executable
    monkeypatch.setenv(lava_runner.PYTHON, "python3")
    assert lava_runner.lava_python() == "python3"


@lava
@pytest.mark.usefixtures("warm")
def test_a_run_says_how_many_samples_are_done(inhibited: tuple[Program, np.ndarray]) -> None:
    program, inputs = inhibited
    told: list[int] = []
    trace = run_in_steps(load_on("lava", program), inputs.repeat(10, axis=1), 25, told.append)
    assert told == sorted(told)
    assert {25, 40} <= set(told)
    assert len(trace.logits) == 40


@lava
def test_a_run_that_takes_too_long_is_ended_with_all_its_processes(
    inhibited: tuple[Program, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    program, inputs = inhibited
    loaded = load_on("lava", program)
    groups: list[int] = []
    monkeypatch.setattr(lava_runner, "START_S", 0)
    monkeypatch.setattr(lava_runner, "TIMESTEP_S", 0)
    kill = os.killpg

    def killpg(group: int, signal: int) -> None:
        groups.append(group)
        kill(group, signal)

    monkeypatch.setattr(os, "killpg", killpg)
    with pytest.raises(UltralifError, match="lava: no result within 0 s; use fewer samples"):
        loaded.run(inputs)
    assert len(groups) == 1
    with pytest.raises(ProcessLookupError):
        kill(groups[0], 0)


@lava
def test_the_embedded_network_runs_from_the_command_line(tmp_path: Path) -> None:
    done = ultralif(
        *("deploy", DEMO, "--data", "digits", "--certify", 5),
        *("--on", "lava,lava-custom", "-o", tmp_path),
    )
    assert done.code == 0, done.err
    records = json.loads((tmp_path / "certificate.json").read_text("utf-8"))["backends"]
    assert set(records) == {"reference", "lava", "lava-custom"}
    assert all(r["exact"] and r["samples"] == 5 for r in records.values())
    assert "lava/network.npz" in records["lava"]["artefacts_sha256"]


def changed_threshold(directory: Path) -> None:
    with np.load(directory / "network.npz") as file:
        arrays = dict(file)
    arrays["neuron.threshold"] = arrays["neuron.threshold"] + 1
    np.savez(directory / "network.npz", **arrays)


def changed_weight(directory: Path) -> None:
    with np.load(directory / "network.npz") as file:
        arrays = dict(file)
    arrays["input->neuron.weight"] = -arrays["input->neuron.weight"] - 1
    np.savez(directory / "network.npz", **arrays)


def changed_comparison(directory: Path) -> None:
    path = directory / "neurons" / "models.py"
    bug = "current + self.bias > self.threshold", "current + self.bias < self.threshold"
    change_file(path, bug)


def changed_depth(directory: Path) -> None:
    path = directory / "network.json"
    network = json.loads(path.read_text("utf-8"))
    network["populations"][-1]["depth"] += 1
    path.write_text(json.dumps(network))


@lava
@pytest.mark.usefixtures("warm")
@pytest.mark.parametrize(
    "change", [changed_threshold, changed_weight, changed_comparison, changed_depth]
)
def test_changes_of_the_folder_are_found(demo: Path, tmp_path: Path, change: object) -> None:
    program = read_nir(demo)
    EXPORTERS["lava-custom"](program, tmp_path / "lava-custom")
    assert callable(change)
    change(tmp_path / "lava-custom")
    loaded = load_written("lava-custom", program, tmp_path)
    inputs = np.random.default_rng(0).integers(
        0, 2, (program.timesteps, 4, program.input.size), dtype=np.uint8
    )
    expected = reference.load(program).run(inputs, record=True)
    with pytest.raises(AssertionError):
        assert_same_trace(loaded.run(inputs, record=True), expected)


@lava
def test_a_failing_process_ends_the_run(demo: Path, tmp_path: Path) -> None:
    program = read_nir(demo)
    EXPORTERS["lava-custom"](program, tmp_path / "lava-custom")
    path = tmp_path / "lava-custom" / "neurons" / "models.py"
    change_file(path, ('proc_params["structure"]', "missing"))
    inputs = np.zeros((program.timesteps, 1, program.input.size), dtype=np.uint8)
    with pytest.raises(UltralifError, match=r"^lava-custom: NameError: name 'missing'"):
        load_written("lava-custom", program, tmp_path).run(inputs)


@pytest.mark.parametrize("flavour", [*FLAVOURS, "netx"])
def test_sizes_that_lava_convolutions_cannot_hold_are_refused(flavour: str, tmp_path: Path) -> None:
    grouped = Conv2d(np.ones((128, 1, 1, 1)), (128, 1, 1), groups=128)
    program = Program(
        Input(128),
        (Population("out", 128, Integrator(), np.zeros(128), np.ones(128)),),
        (Projection(INPUT, "out", grouped),),
        *("8", 3, 1),
    )
    with pytest.raises(Refused, match=f"^{flavour}: input->out: .* 128 groups; .*limit 127; use"):
        EXPORTERS[flavour](program, tmp_path / flavour)
    assert list(tmp_path.iterdir()) == []


@lava
def test_failures_of_the_folder_are_one_line(demo: Path, tmp_path: Path) -> None:
    program = read_nir(demo)
    EXPORTERS["lava"](program, tmp_path / "lava")
    (tmp_path / "lava" / "network.npz").unlink()
    with pytest.raises(UltralifError, match=r"lava: FileNotFoundError.*network\.npz") as caught:
        load_written("lava", program, tmp_path).executed()
    assert "\n" not in str(caught.value)


def test_loihi_1_refuses_what_its_registers_are_not_known_to_hold(
    demo: Path, tmp_path: Path
) -> None:
    with pytest.raises(Refused, match="neuron: decay 4096, which the chip's register"):
        EXPORTERS["lava-loihi1"](read_nir(demo), tmp_path / "lava-loihi1")
    assert not (tmp_path / "lava-loihi1").exists()


def test_a_python_without_lava_is_reported_with_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(lava_runner.PYTHON, sys.executable)
    doctor = ultralif("doctor", "--json").json()["backends"]["lava"]
    assert doctor["available"] is False
    assert "pip install --no-deps" in doctor["install"]
    arguments = ("--data", "digits", "--on", "lava", "--certify", 4, "-o", tmp_path)
    missing = ultralif("deploy", DEMO, *arguments, "--json")
    assert "lava-nc" in missing.out + missing.err
    assert not (tmp_path / "certificate.json").is_file() or "not_run" in missing.out + missing.err
