"""`ultralif simulate --exit`, as a user types it, and the same from Python."""

import math
from pathlib import Path

import numpy as np
import pytest

import ultralif_deploy as ul
from support.commands import DEMO, refused, ultralif
from support.networks.second_order import saved, state_dict
from support.requirements import requires
from ultralif_deploy.cli.choices import EXITS
from ultralif_deploy.energy import devices as energy_devices
from ultralif_deploy.energy.estimate import estimate
from ultralif_deploy.errors import CheckFailed
from ultralif_deploy.exporters.nir.programs import read_nir
from ultralif_deploy.program.exits import ExitRule, Stopped
from ultralif_deploy.simulators.fast import simulator as fast
from ultralif_deploy.simulators.reference import simulator as reference
from ultralif_deploy.steps.exiting import RULES

SETTINGS = ul.Settings(data="digits", limit=40)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("program")
    assert ultralif("quantize", DEMO, "--data", "digits", "-o", folder).code == 0
    return folder / "program.nir"


def test_help_names_every_rule() -> None:
    assert tuple(RULES) == EXITS


@pytest.mark.parametrize("on", ["fast", "reference", "onnx", "c"])
def test_exact_exits(program: Path, on: str) -> None:
    run = ("simulate", program, "--data", "digits", "--limit", 40, "--on", on, "--json")
    whole = ultralif(*run).json()
    found = ultralif(*run, "--exit", "exact", "--energy-device", "cmos45,loihi1").json()
    exits = found.pop("exits")
    assert found == whole
    assert set(exits["executed"]) == {"whole_s", "stopped_s"}
    assert exits["predictions"] == whole["predictions"]
    assert exits["changed"] == 0
    assert exits["accuracy"] == whole["accuracy"]
    assert 1 <= min(exits["timesteps"]) < exits["most_timesteps"] == 10
    assert exits["mean_timesteps"] == pytest.approx(np.mean(exits["timesteps"]))
    assert exits["histogram"] == [exits["timesteps"].count(t) for t in range(1, 11)]
    assert list(exits["devices"]) == ["cmos45", "loihi1"]
    before = sum(whole["counts"]["synaptic_operations"].values())
    after = sum(exits["synaptic_operations"].values())
    assert 0 < after < before
    assert exits["operations_saved"] == pytest.approx(1 - after / before)
    for joules in exits["devices"].values():
        if joules["whole_j"] is not None:
            assert 0 < joules["stopped_j"] < joules["whole_j"]


def test_counts_are_those_of_samples_that_stop(program: Path) -> None:
    """Each sample runs by itself, as long as it needs, on the reference."""
    exits = ul.simulate_program(program, "fast", SETTINGS, exit_rule="exact", energy_devices=())[
        "exits"
    ]
    loaded = read_nir(program)
    run = reference.load(loaded)
    inputs = ul.Encoder("rate", 10).encode(ul.load_dataset("digits").test.x[:40], (0, 0))
    spikes: dict[str, int] = {}
    operations: dict[str, int] = {}
    for sample, steps in enumerate(exits["timesteps"]):
        trace = run.run(inputs[:steps, sample : sample + 1])
        assert trace.predictions() == exits["predictions"][sample]
        counts = trace.counts.as_dict()
        for total, here in (
            (spikes, counts["spikes"]),
            (operations, counts["synaptic_operations"]),
        ):
            for name, value in here.items():
                total[name] = total.get(name, 0) + value
    assert (spikes, operations) == (exits["spikes"], exits["synaptic_operations"])


def test_joules_are_those_of_the_events_up_to_the_exit(program: Path) -> None:
    """Samples run by themselves on the reference; one device lacks a figure."""
    packaged = (Path(energy_devices.__file__).parent / "cmos45.toml").read_text("utf-8")
    partial = program.parent / "partial.toml"
    partial.write_text(packaged.replace("value = 0.1\nlow = 0.03\nhigh = 0.1", 'value = "unknown"'))
    devices = ("cmos45", str(partial))
    found = ul.simulate_program(
        program, "fast", SETTINGS, exit_rule="exact", energy_devices=devices
    )
    exits = found["exits"]
    assert exits["devices"]["partial"] == {"whole_j": None, "stopped_j": None}
    loaded, device = read_nir(program), ul.load_device("cmos45")
    run = reference.load(loaded)
    inputs = ul.Encoder("rate", 10).encode(ul.load_dataset("digits").test.x[:40], (0, 0))
    joules = {"stopped_j": 0.0, "whole_j": 0.0}
    for sample, end in enumerate(exits["timesteps"]):
        for name, steps in (("stopped_j", end), ("whole_j", 10)):
            values = inputs[:steps, sample : sample + 1]
            counter = ul.EventCounter(loaded)
            counter.add(values, run.run(values, record=True))
            joules[name] += estimate(counter.events(), device).total_j or 0
    for name, total in joules.items():
        assert exits["devices"]["cmos45"][name] == pytest.approx(total / 40)


def test_table(program: Path) -> None:
    run = ("simulate", program, "--data", "digits", "--limit", 40, "--exit", "exact")
    outcome = ultralif(*run, "--energy-device", "cmos45,yan2024")
    assert outcome.code == 0
    for text in ("Samples stop after", "of 10 timesteps", "0 of 40 predictions change", "cmos45"):
        assert text in outcome.out
    assert "Samples stop after" not in ultralif(*run[:-2]).out


def test_without_labels(program: Path, tmp_path: Path) -> None:
    images = ul.load_dataset("digits").test.x[:5]
    np.savez(tmp_path / "data.npz", x_test=images)
    run = ("simulate", program, "--data", tmp_path / "data.npz", "--exit", "exact")
    assert ultralif(*run, "--json").json()["exits"]["accuracy"] is None


def test_readouts_that_forget_are_refused(tmp_path: Path) -> None:
    saved(tmp_path / "silif.pth", state_dict("silif"))
    assert ultralif("quantize", tmp_path / "silif.pth", "-o", tmp_path).code == 0
    made = read_nir(tmp_path / "program.nir")
    frames = np.ones((2, made.timesteps, made.input.size), dtype=np.uint8)
    np.savez(tmp_path / "data.npz", x_test=frames)
    run = ("simulate", tmp_path / "program.nir", "--data", tmp_path / "data.npz")
    line = refused(*run, "--exit", "exact", code=1)
    assert f"the read-out {made.readout.name} is a LeakySum" in line


def test_confident_exits(program: Path) -> None:
    run = ("simulate", program, "--data", "digits", "--json", "--energy-device", "cmos45")
    exact = ultralif(*run, "--exit", "exact").json()
    found = ultralif(*run, "--exit", "confidence", "--confidence", 0.9).json()
    exits, chosen = found["exits"], found["exits"]["by_confidence"]
    assert exits["mean_timesteps"] < exact["exits"]["mean_timesteps"]
    assert 0 < chosen["training_loss"] <= 10
    assert chosen["training_samples"] == 1347
    assert chosen["threshold"] > 0
    assert chosen["margin"][:2] == [math.ceil(t * chosen["threshold"] - 1e-9) for t in (1, 2)]
    assert len(chosen["margin"]) == 10
    assert chosen["loss"] == pytest.approx(100 * (found["accuracy"] - exits["accuracy"]))
    assert chosen["loss_ci95"][0] < chosen["loss"] < chosen["loss_ci95"][1]
    different = np.not_equal(exits["predictions"], found["predictions"])
    assert exits["changed"] == np.count_nonzero(different) > 0
    default = ultralif(*run, "--exit", "confidence").json()["exits"]
    assert default["by_confidence"]["confidence"] == 0.99
    assert default["by_confidence"]["training_loss"] <= 1
    assert default["mean_timesteps"] > exits["mean_timesteps"]


def test_confident_exits_in_words(program: Path, tmp_path: Path) -> None:
    run = (
        "simulate",
        program,
        "--data",
        "digits",
        "--exit",
        "confidence",
        "--energy-device",
        "cmos45",
    )
    words = " ".join(ultralif(*run, "--limit", 20).out.split())
    assert "Confidence 0.99: a lead of " in words
    assert "chosen on 1,347 training samples" in words
    assert "on the test samples it falls by" in words
    data = ul.load_dataset("digits")
    assert data.train is not None
    arrays = {"x_train": data.train.x, "y_train": data.train.y, "x_test": data.test.x[:5]}
    np.savez(tmp_path / "data.npz", **arrays)
    unlabelled = ultralif(*run[:3], tmp_path / "data.npz", *run[4:]).out
    assert "training samples" in unlabelled
    assert "test samples" not in unlabelled


def test_confidence_needs_training_samples(program: Path, tmp_path: Path) -> None:
    data = ul.load_dataset("digits")
    np.savez(tmp_path / "data.npz", x_test=data.test.x[:5], y_test=data.test.y[:5])
    run = ("simulate", program, "--data", tmp_path / "data.npz", "--exit", "confidence")
    assert "--exit confidence chooses its threshold on training samples" in refused(*run)


def test_confidence_is_a_share_and_for_its_rule_alone(program: Path) -> None:
    run = ("simulate", program, "--data", "digits", "--limit", 5)
    for options in ((), ("--exit", "exact")):
        line = refused(*run, *options, "--confidence", 0.9)
        assert "--confidence 0.9: it is for --exit confidence" in line
    with pytest.raises(ul.UltralifError, match="confidence = 2; expected 0 to 1"):
        ul.simulate_program(program, "fast", SETTINGS, exit_rule="confidence", confidence=2)


def test_unknown_rules_are_refused(program: Path) -> None:
    with pytest.raises(ul.UltralifError, match="exit 'soon'; expected one of exact"):
        ul.simulate_program(program, "fast", SETTINGS, exit_rule="soon")  # type: ignore[arg-type]


def test_back_ends_that_cannot_stop_count(program: Path) -> None:
    run = (
        "simulate",
        program,
        "--data",
        "digits",
        "--limit",
        5,
        "--on",
        "loihi2",
        "--exit",
        "exact",
    )
    assert "executed" not in ultralif(*run, "--json").json()["exits"]
    assert "Counted from whole runs" in ultralif(*run).out


def test_results_that_differ_from_the_count_fail(
    program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = fast.Fast.run_until_exit

    def late(self: fast.Fast, inputs: np.ndarray, rule: ExitRule, record: bool = False) -> Stopped:
        found = run(self, inputs, rule, record)
        return Stopped(found.trace, found.timesteps + 1)

    monkeypatch.setattr(fast.Fast, "run_until_exit", late)
    with pytest.raises(CheckFailed, match="fast stops samples elsewhere"):
        ul.simulate_program(program, "fast", SETTINGS, exit_rule="exact", energy_devices=())


@requires("c")
def test_exported_c_stops(program: Path, tmp_path: Path) -> None:
    assert ultralif("export", program, "--to", "c", "--exit", "exact", "-o", tmp_path).code == 0
    header = (tmp_path / "c" / "ultralif_program.h").read_text("utf-8")
    assert "#define ULTRALIF_EXIT_TIMESTEPS 10" in header
    line = refused("export", program, "--to", "c,onnx", "--exit", "exact", "-o", tmp_path, code=1)
    assert "onnx: holds no exit rule; c and verilog do" in line


@requires("c")
def test_exported_c_stops_when_it_is_confident(program: Path, tmp_path: Path) -> None:
    export = ("export", program, "--to", "c", "--exit", "confidence", "-o", tmp_path)
    assert "no data" in refused(*export)
    assert ultralif(*export, "--data", "digits", "--confidence", 0.9).code == 0
    found = ul.simulate_program(
        program, "fast", SETTINGS, exit_rule="confidence", confidence=0.9, energy_devices=()
    )
    margins = ", ".join(str(lead) for lead in found["exits"]["by_confidence"]["margin"])
    constants = (tmp_path / "c" / "ultralif_program.c").read_text("utf-8")
    assert f"ultralif_exit_margin[10] ULTRALIF_PLACE = {{\n{margins}\n}}" in constants


def test_exports_read_data_for_confident_exits_alone(program: Path, tmp_path: Path) -> None:
    export = ("export", program, "--to", "c", "-o", tmp_path / "out")
    for exit_rule in ((), ("--exit", "exact")):
        for given in ("--data digits", "--limit 20", "--bin 5.0", "--seed 1"):
            line = refused(*export, *exit_rule, *given.split())
            assert f"{given}: an export reads data for --exit confidence alone" in line
    assert "--confidence 0.9: it is for" in refused(*export, "--confidence", 0.9)
    assert not (tmp_path / "out").exists()
