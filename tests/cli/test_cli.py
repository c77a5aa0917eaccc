"""Every command, as a user types it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from support.commands import DEMO, refused, ultralif
from support.requirements import available
from ultralif_deploy.cli import choices
from ultralif_deploy.cli.commands import main
from ultralif_deploy.cli.grouped_help import COMMON, FEW, TOPICS
from ultralif_deploy.data.binning import POLARITIES
from ultralif_deploy.data.encoders import ENCODINGS
from ultralif_deploy.data.normalization import NORMALIZATIONS
from ultralif_deploy.exporters.c.packages import PACKAGES
from ultralif_deploy.exporters.nir.programs import FLAVOURS, read_nir
from ultralif_deploy.io.files import sha256_file
from ultralif_deploy.passes import PASSES, REQUIRED
from ultralif_deploy.readers.second_order import NEURONS as SECOND_ORDER
from ultralif_deploy.soft.neurons.kinds import RELEASED
from ultralif_deploy.steps.untrained import ARCHITECTURES
from ultralif_deploy.verify.backends import BACK_ENDS, COMPARED, EXPORTERS

REPORT_KEYS = {
    "accuracy": (
        "soft",
        "hard",
        "integer",
        "gap_soft_integer",
        "gap_ci95",
        "mcnemar_p",
    ),
    "energy": ("synaptic_operations", "devices"),
    "data": ("name", "samples", "timesteps", "encoding", "seed"),
    "program": ("weight_bits", "populations", "parameters"),
    "backends": ("reference", "fast"),
}


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded network deployed with a short annealing."""
    directory = tmp_path_factory.mktemp("deployed")
    outcome = ultralif(
        *("deploy", DEMO, "--data", "digits", "--anneal", "--epochs", 3, "--certify", 20),
        *("-o", directory, "--json"),
    )
    assert outcome.code == 0, outcome
    (directory / "stdout.json").write_text(outcome.out, encoding="utf-8")
    return directory


def test_deploy_leaves_every_file(deployed: Path) -> None:
    names = {path.name for path in deployed.iterdir()}
    assert names == {
        *("program.nir", "report.json", "report.html", "energy.csv"),
        *("certificate.json", "vectors.npz", "predictions.npz", "annealed.pt"),
        *(target for target in EXPORTERS if target != "lava-loihi1"),  # sums beyond 2047
        "stdout.json",
    }


def test_report_has_its_keys_and_equals_stdout(deployed: Path) -> None:
    text = (deployed / "report.json").read_text(encoding="utf-8")
    assert text == (deployed / "stdout.json").read_text(encoding="utf-8")
    import json

    report = json.loads(text)
    for section, keys in REPORT_KEYS.items():
        assert set(keys) <= set(report[section])
    for point in report["epsilon_sweep"]:
        assert {"epsilon", "accuracy", "spike_rate"} <= set(point)
    samples, curve = report["data"]["samples"], [p["accuracy"] for p in report["epsilon_sweep"]]
    for accuracy in (*curve, report["accuracy"]["integer_first_draw"]):
        assert accuracy * samples == pytest.approx(round(accuracy * samples))  # of one draw
    assert report["accuracy"]["draws"] == 10
    means = 10 * samples * report["accuracy"]["soft"], 10 * samples * report["accuracy"]["integer"]
    assert means == pytest.approx([round(mean) for mean in means])
    fast = {"exact": True, "samples": 20, "difference": None, "facts": {}}
    assert report["backends"]["fast"] == fast
    assert set(report["backends"]) | set(report["backends_not_run"]) == set(COMPARED)
    assert {"theta", "timesteps", "encoding", "gain", "seed"} <= set(report["assumed"])
    assert 0.9 < report["accuracy"]["integer"] <= 1
    low, high = report["accuracy"]["gap_ci95"]
    assert low < report["accuracy"]["gap_soft_integer"] < high
    assert report["energy"]["devices"]["loihi1"]["total_j"] > 0


def test_simulate_json(deployed: Path) -> None:
    run = ("simulate", deployed / "program.nir", "--data", "digits", "--limit", 30, "--json")
    fast, *others = (ultralif(*run, "--on", on).json() for on in ("fast", "reference", "torch"))
    assert others == [fast, fast]
    assert np.shape(fast["logits"]) == (30, 10)
    assert fast["predictions"] == [int(np.argmax(row)) for row in fast["logits"]]
    assert 0.8 < fast["accuracy"] <= 1
    assert fast["counts"]["samples"] == 30


@pytest.mark.skipif(torch.cuda.is_available(), reason="torch has CUDA here")
def test_a_gpu_that_is_not_here_is_refused(deployed: Path) -> None:
    run = ("simulate", deployed / "program.nir", "--data", "digits", "--on", "torch-cuda")
    line = refused(*run)
    assert "CUDA" in line
    assert "is not installed; to install it: " in line


def test_limit_keeps_the_first_samples(deployed: Path) -> None:
    run = ("simulate", deployed / "program.nir", "--data", "digits", "--json", "--limit")
    assert ultralif(*run, 7).json()["logits"] == ultralif(*run, 40).json()["logits"][:7]


def test_seed_changes_the_spikes(deployed: Path) -> None:
    run = ("simulate", deployed / "program.nir", "--data", "digits", "--json", "--limit", 20)
    assert ultralif(*run, "--seed", 1).json() != ultralif(*run).json()


def test_energy_json_agrees_with_the_report(deployed: Path) -> None:
    import json

    energy = ultralif("energy", deployed / "program.nir", "--data", "digits", "--json").json()
    report = json.loads((deployed / "report.json").read_text(encoding="utf-8"))
    assert energy == report["energy"]


def test_export_flavours(deployed: Path, tmp_path: Path) -> None:
    for flavour in FLAVOURS:
        run = ("export", deployed / "program.nir", "--flavour", flavour, "-o", tmp_path, "--json")
        written = ultralif(*run).json()["exports"][0]
        assert read_nir(written["file"]).parameters == read_nir(deployed / "program.nir").parameters


def test_certificate_is_checked_again(deployed: Path) -> None:
    outcome = ultralif("verify", "--certificate", deployed / "certificate.json", "--json")
    assert outcome.code == 0
    assert outcome.json()["samples"] == dict.fromkeys(available(), 20)


def test_anneal_then_quantize_gives_the_deployed_program(deployed: Path, tmp_path: Path) -> None:
    settings = ("--data", "digits", "--bits", "8", "-o", tmp_path, "--json")
    annealed = ultralif("anneal", DEMO, *settings, "--epochs", 3).json()
    assert [epoch["epoch"] for epoch in annealed["epochs"]] == [1, 2, 3]
    made = ultralif("quantize", tmp_path / "annealed.pt", *settings).json()
    (warned,) = [one["text"] for one in made["findings"] if one["kind"] == "annealed"]
    assert f"was annealed from {DEMO.name} (SHA-256 {sha256_file(DEMO)[:12]}…); its soft" in warned
    mine, theirs = read_nir(tmp_path / "program.nir"), read_nir(deployed / "program.nir")
    for a, b in zip(mine.projections, theirs.projections, strict=True):
        np.testing.assert_array_equal(a.map.matrix(), b.map.matrix())


def test_inspect_says_what_was_assumed(tmp_path: Path) -> None:
    copy = tmp_path / "ultratplif_T7_sp0.1_seed3.pt"
    copy.write_bytes(DEMO.read_bytes())
    assumed = ultralif("inspect", copy, "--theta", 0.25, "--json").json()["assumed"]
    assert assumed["theta"] == {"value": 0.25, "source": "option"}
    assert assumed["timesteps"] == {"value": 10, "source": "checkpoint"}
    assert assumed["seed"] == {"value": 0, "source": "default"}


def test_inspect_shows_a_program(deployed: Path) -> None:
    found = ultralif("inspect", deployed / "program.nir", "--json").json()
    assert found["file"] == "program.nir"
    assert [p["neuron"] for p in found["program"]["populations"]] == ["Threshold", "Integrator"]
    assert found["assumed"]["timesteps"] == {"value": 10, "source": "program"}
    shown = ultralif("inspect", deployed / "program.nir").out
    assert "Integrator" in shown
    assert "Written to" not in shown
    line = refused("inspect", deployed / "program.nir", "--input-side", 8)
    assert "--input-side 8: a program has its settings in it" in line


def test_names_may_have_spaces_between_them(deployed: Path, tmp_path: Path) -> None:
    program = deployed / "program.nir"
    assert ultralif("export", program, "--to", "c, onnx", "-o", tmp_path).code == 0
    run = ("energy", program, "--data", "digits", "--limit", 3, "--json")
    devices = ultralif(*run, "--energy-device", "cmos45, step").json()["devices"]
    assert list(devices) == ["cmos45", "step"]


def test_gap_gate(tmp_path: Path) -> None:
    arguments = ("verify", DEMO, "--data", "digits", "--bits", "ternary", "--certify", 5)
    line = refused(*arguments, "--max-gap", 0.5, "-o", tmp_path, code=1)
    assert "percentage points" in line
    assert (tmp_path / "report.json").exists()
    assert ultralif(*arguments, "--max-gap", 100, "-o", tmp_path).code == 0


def test_readable_output_names_the_result(deployed: Path) -> None:
    outcome = ultralif("verify", DEMO, "--data", "digits", "--certify", 5, "-o", deployed / "v")
    assert "agree in every spike" in outcome.out
    assert "95 % interval" in outcome.out


@pytest.mark.parametrize("command", sorted(main.commands))
def test_help_has_an_example(command: str) -> None:
    outcome = ultralif(command, "--help")
    assert outcome.code == 0
    assert f"ultralif {command}" in outcome.out.split("Example", 1)[1]


@pytest.mark.parametrize("command", sorted(main.commands))
def test_every_option_is_in_the_help(command: str) -> None:
    whole = [o for one in main.commands[command].params if one.opts[0][0] == "-" for o in one.opts]
    long = len([one for one in main.commands[command].params if one.opts[0][0] == "-"]) >= FEW
    shown = ultralif(command, "--help-all" if long else "--help").out
    assert [name for name in whole if name not in shown] == []
    if long:
        short = ultralif(command, "--help").out
        (more,) = re.findall(r"(\d+) more options, by topic", short)
        common = re.findall(r"^  (-[-a-z, ]+)", short, re.MULTILINE)
        assert int(more) + len(common) == len(re.findall(r"^  (-[-a-z, ]+)", shown, re.MULTILINE))
        assert "--data" in short
        assert "--max-spikes" not in short


def test_topics_name_options_that_exist() -> None:
    named = {one.name for command in main.commands.values() for one in command.params}
    assert {name for names in TOPICS.values() for name in names} <= named
    assert set(COMMON) <= named


def test_threads_that_wait_leave_their_cores_to_others() -> None:
    code = (
        "import atexit, os; atexit.register(lambda: print(os.environ['OMP_WAIT_POLICY'])); "
        "from ultralif_deploy.__main__ import run; run()"
    )
    command = [sys.executable, "-c", code, "--version"]
    environment = {k: v for k, v in os.environ.items() if k != "OMP_WAIT_POLICY"}
    printed = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert printed.stdout.splitlines()[-1] == "PASSIVE"


def test_the_package_is_a_command_too() -> None:
    run = [sys.executable, "-m", "ultralif_deploy", "--version"]
    done = subprocess.run(run, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("ultralif, version ")


def test_summaries_of_the_commands_are_whole() -> None:
    assert "..." not in ultralif("--help").out.split("Commands:")[1]


def test_option_lists_are_those_of_the_code() -> None:
    assert list(choices.NEURONS) == [*RELEASED, *SECOND_ORDER]
    assert choices.ENCODINGS == ENCODINGS
    assert choices.POLARITIES == POLARITIES
    assert list(choices.ARCHITECTURES) == list(ARCHITECTURES)
    assert list(choices.NORMALIZATIONS) == list(NORMALIZATIONS)
    assert list(choices.BACK_ENDS) == list(BACK_ENDS)
    assert [n for n in BACK_ENDS if n not in choices.ON_REQUEST] == list(COMPARED)
    assert list(choices.EXPORTERS) == list(EXPORTERS)
    assert list(choices.PACKAGES) == list(PACKAGES)
    assert list(choices.FLAVOURS) == list(FLAVOURS)
    assert set(choices.PASSES) == set(PASSES) - REQUIRED


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys, ultralif_deploy.cli.commands as c; c.main(['--help'], standalone_mode=False);"
        "print([m for m in ('torch', 'numpy', 'numba', 'rich', 'nir') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "[]"


def test_the_first_screen_is_the_answer(deployed: Path) -> None:
    run = ("verify", DEMO, "--data", "digits", "--certify", 2, "--on", "fast", "-o", deployed / "b")
    short, long = ultralif(*run).out, ultralif(*run, "-v").out
    assert len(short.splitlines()) < 30 < 60 < len(long.splitlines())
    for question in ("Does it deploy?", "What was lost?", "What does it cost?", "What next?"):
        assert question in short
    assert "Back ends, compared" not in short
    assert "Back ends, compared" in long


def test_every_written_file_is_named(tmp_path: Path) -> None:
    data = ("--data", "digits", "--limit", 20, "--certify", 2, "--on", "fast", "-o", tmp_path)
    outcome = ultralif("deploy", DEMO, *data, "--anneal", "--epochs", 0)
    named = re.search(r"Written to [^:]+: ([^!]+?)\n(Not|What)", outcome.out, re.DOTALL)
    assert named is not None
    listed = {name.strip().rstrip("/") for name in named[1].split(",")}
    assert listed == {path.name for path in tmp_path.iterdir()}
