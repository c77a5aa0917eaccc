"""`ultralif match`, as a user types it."""

from pathlib import Path

import numpy as np
import pytest

from support.commands import DEMO, refused, ultralif
from support.networks.cases import CASES
from support.networks.readings import data, meant, written
from support.paths import shared_file
from ultralif_deploy.readers.nir.neurons import Conventions
from ultralif_deploy.report.summaries.matching import difference
from ultralif_deploy.schema.matching import FirstDifference

OPTIONS = {
    "norse-default-export": "--dt 1e-06",
    "synaptic-pulses-norse": "--dt 0.001 --synapse pulse",
    "ties-spikingjelly": "--dt 0.0001 --fires at",
}
"""What is printed first for each shared case; for the others the default timestep."""


@pytest.mark.parametrize("name", CASES)
def test_the_shared_cases(name: str) -> None:
    folder = shared_file(f"cases/{name}/net.nir").parent
    files = ("--data", folder / "inputs.npz", "--expect", folder / "expected.npz")
    outcome = ultralif("match", folder / "net.nir", *files)
    assert outcome.code == 0, outcome.err
    assert outcome.out.splitlines()[0] == OPTIONS.get(name, "--dt 0.0001")


def test_every_shared_network_is_among_the_cases() -> None:
    folders = shared_file(f"cases/{min(CASES)}/net.nir").parents[1]
    assert {path.parent.name for path in folders.glob("*/net.nir")} == set(CASES)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A file with its data and the spikes of one reading."""
    inputs = data(tmp_path / "inputs.npz", 5)
    how = Conventions(dt=1e-3, fires="at", reset_mode="subtract")
    spikes = meant(written(tmp_path / "model.nir", "LIF", 5), how, inputs).spikes
    np.savez(tmp_path / "expected.npz", **spikes)  # type: ignore[arg-type]
    wrong = spikes["hidden"].copy()
    wrong[4, 2, 1] ^= True
    np.savez(tmp_path / "wrong.npz", hidden=wrong)
    return tmp_path


def run(folder: Path, expected: str = "expected.npz", *more: object) -> tuple[object, ...]:
    files = ("--data", folder / "inputs.npz", "--expect", folder / expected)
    return ("match", folder / "model.nir", *files, *more)


def test_the_options_come_first_and_can_be_copied(folder: Path) -> None:
    outcome = ultralif(*run(folder))
    assert outcome.code == 0
    options = outcome.out.splitlines()[0]
    assert options == "--dt 0.001 --reset subtract --fires at"
    assert "compared with expected.npz on 6 samples of 25 timesteps" in outcome.out
    again = ultralif(*run(folder, "expected.npz", *options.split(), "--json")).json()
    assert again["readings"] == 4
    assert again["exact"][0]["options"] == options


def test_no_reading_ends_with_the_nearest_and_their_first_difference(folder: Path) -> None:
    outcome = ultralif(*run(folder, "wrong.npz", "--dt", 1e-3))
    assert outcome.code == 1
    assert "none of" in outcome.err
    assert len(outcome.err.strip().splitlines()) == 1
    words = " ".join(outcome.out.split())
    assert "No reading gives everything that is expected; the nearest" in words
    printed = ultralif(*run(folder, "wrong.npz", "--dt", 1e-3, "--json"))
    assert printed.code == 1
    first = printed.json()["nearest"][0]["first"]
    assert (first["population"], first["timestep"], first["sample"]) == ("hidden", 4, 2)


@pytest.mark.parametrize(("membrane", "near"), [(0.5000001, True), (0.51, False), (None, False)])
def test_a_difference_that_rounding_may_make_is_named(membrane: float | None, near: bool) -> None:
    first: FirstDifference = {
        **{"population": None if membrane is None else "hidden", "timestep": 3, "sample": 0},
        **{"neuron": 1, "expected": 0, "found": 1, "membrane": membrane, "threshold": 0.5},
    }
    assert ("rounding in float32" in difference(first)) == near


def test_only_the_output_of_a_limited_set(folder: Path) -> None:
    spikes = np.load(folder / "expected.npz")["last"]
    np.savez(folder / "output.npz", spikes=np.swapaxes(spikes, 0, 1))
    found = ultralif(*run(folder, "output.npz", "--limit", 4, "--json")).json()
    assert found["samples"] == 4
    assert list(found["compared"]) == ["last"]
    assert "--dt 0.001 --reset subtract --fires at" in {one["options"] for one in found["exact"]}


def test_refusals(folder: Path) -> None:
    assert "no data; give --data" in refused(
        "match", folder / "model.nir", "--expect", folder / "expected.npz"
    )
    assert "no such file" in refused(*run(folder, "missing.npz"))
    assert "expected spikes [25 timesteps, 6 samples, neurons]" in refused(
        *run(folder, "inputs.npz")
    )
    assert "expected seconds, above 0" in refused(*run(folder, "expected.npz", "--dt", -1))
    assert "--theta" in ultralif(*run(folder, "expected.npz", "--theta", 1)).err
    np.savez(folder / "images.npz", x_test=np.full((3, 5), 200, dtype=np.uint8))
    images = ("--data", folder / "images.npz", "--expect", folder / "expected.npz")
    line = refused("match", folder / "model.nir", *images)
    assert "spikes drawn for them cannot be those of a framework" in line


def test_only_nir_files_of_other_tools_are_read(folder: Path) -> None:
    files = ("--data", folder / "inputs.npz", "--expect", folder / "expected.npz")
    assert "a checkpoint; expected a NIR file of another tool" in refused("match", DEMO, *files)
    made = ultralif("quantize", folder / "model.nir", "--dt", 1e-3, *files[:2], "-o", folder)
    assert made.code == 0
    assert "a program that ultralif wrote" in refused("match", folder / "program.nir", *files)
    assert "no such file" in refused("match", folder / "none.nir", *files)
