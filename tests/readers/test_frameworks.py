"""`--like NAME` reads a file as its framework computes, by the framework's own run."""

import os
import re
import subprocess
from pathlib import Path

import nir
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.commands import refused, ultralif
from support.foreign import framework_process
from support.foreign.framework_process import INPUTS, KINDS, NEURONS, SAMPLES, TIMESTEPS, made
from support.lava_comparisons import LAVA_PYTHON
from support.networks.readings import data, meant, written
from support.paths import ROOT
from ultralif_deploy.cli import choices
from ultralif_deploy.readers.nir.frameworks import FRAMEWORKS, framework_reading
from ultralif_deploy.readers.nir.neurons import SYNAPSES, Conventions
from ultralif_deploy.schema.matching import Matched
from ultralif_deploy.sources.networks import open_network
from ultralif_deploy.sources.settings import Settings
from ultralif_deploy.steps.framework_spikes.search import match

PYTHON = "ULTRALIF_FRAMEWORKS_PYTHON"
HERE = ("norse", "snntorch", "spikingjelly")
"""Frameworks in the environment of the tests; Sinabs and Rockpool have one of their own."""

SEEDS = range(1, 4)


def like(name: str, folder: Path) -> Matched:
    given = Settings(data=folder / "inputs.npz", like=name)
    return match(folder / "model.nir", folder / "expected.npz", given)


def exact(name: str, folder: Path) -> None:
    found = like(name, folder)
    assert found["exact"], (folder.name, found["nearest"][0])
    assert sum(found["compared"].values()) > 10


def test_help_names_every_framework_and_synapse() -> None:
    assert choices.FRAMEWORKS == tuple(FRAMEWORKS) == (*KINDS, "lava")
    assert choices.SYNAPSES == SYNAPSES


def test_the_page_names_every_kind_that_is_compared_here() -> None:
    text = (ROOT / "ultralif_deploy" / "docs" / "frameworks.md").read_text("utf-8")
    rows = re.findall(r"^\| (\w+) \| (\w+) \| yes \|$", text, re.MULTILINE)
    named = {(name.lower(), kind) for name, kind in rows}
    assert named == {(name, kind) for name, kinds in KINDS.items() for kind in kinds}


@pytest.mark.parametrize(("name", "kind"), [(n, kind) for n in HERE for kind in KINDS[n]])
@given(seed=st.integers(0, 10_000))
@settings(max_examples=3)
def test_frameworks_of_this_environment(
    name: str, kind: str, seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp(f"{name}-{kind}")
    made(name, kind, seed, folder)
    if np.load(folder / "expected.npz")["spikes"].sum() > 10:
        exact(name, folder)


@pytest.mark.skipif(
    not (os.environ.get(PYTHON) or os.environ.get("CI")),
    reason=f"{PYTHON} names no Python with Sinabs and Rockpool (.ci/frameworks-env makes one)",
)
@pytest.mark.parametrize("name", ["sinabs", "rockpool"])
def test_frameworks_with_a_python_of_their_own(name: str, tmp_path: Path) -> None:
    script = [os.environ[PYTHON], framework_process.__file__, name, tmp_path, *map(str, SEEDS)]
    subprocess.run(script, check=True, capture_output=True, timeout=300)
    for kind in KINDS[name]:
        for seed in SEEDS:
            exact(name, tmp_path / f"{kind}-{seed}")


@pytest.mark.skipif(
    LAVA_PYTHON is None and not os.environ.get("CI"),
    reason="ULTRALIF_LAVA_PYTHON does not name a Python with Lava",
)
@pytest.mark.parametrize("kind", ["LIF", "CubaLIF"])
def test_lavas_floating_point_neurons(kind: str, warm_lava: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    x = (rng.random((SAMPLES, TIMESTEPS, INPUTS)) < 0.4).astype(np.uint8)
    weight, step = rng.normal(0.3, 0.5, (NEURONS, INPUTS)), 1e-4
    tau, threshold = rng.uniform(2, 20) * step, rng.uniform(0.3, 1.0)
    slow = step if kind == "LIF" else rng.uniform(2, 10) * step

    def full(**values: float) -> dict[str, np.ndarray]:
        return {name: np.full(NEURONS, value) for name, value in values.items()}

    shared = full(r=tau / step, v_leak=0.0, v_threshold=threshold, v_reset=0.0)
    synapse = full(tau_mem=tau, tau_syn=slow, w_in=slow / step)
    lif = nir.LIF(**full(tau=tau), **shared)
    neurons = lif if kind == "LIF" else nir.CubaLIF(**synapse, **shared)
    ends = {"input": nir.Input(np.array([INPUTS])), "output": nir.Output(np.array([NEURONS]))}
    nodes = {**ends, "fc": nir.Linear(weight), "lif": neurons}
    edges = [("input", "fc"), ("fc", "lif"), ("lif", "output")]
    nir.write(tmp_path / "model.nir", nir.NIRGraph(nodes, edges, type_check=False))
    np.savez(tmp_path / "inputs.npz", x_test=x)
    leaks = {"du": step / slow, "dv": step / tau}
    np.savez(tmp_path / "given.npz", weight=weight, x=x, threshold=threshold, **leaks)
    script = Path(framework_process.__file__).with_name("lava_lif_process.py")
    subprocess.run(
        [warm_lava, script, "given.npz", "expected.npz"],
        **{"check": True, "capture_output": True, "timeout": 300, "cwd": tmp_path},
        env=os.environ | {"PYTHONPATH": str(ROOT / "exporters/lava/runtime")},
    )
    exact("lava", tmp_path)


@pytest.mark.parametrize("name", sorted(FRAMEWORKS.keys() - {"lava"}))
def test_another_framework_gives_other_spikes(name: str, tmp_path: Path) -> None:
    """A wrong name is noticed. What Lava computes is NIR's own equation, which is the default."""
    inputs = data(tmp_path / "inputs.npz", 3, timesteps=40)
    model = written(tmp_path / "model.nir", "CubaLIF", 3)
    plain = Conventions(dt=1e-3)
    answers = framework_reading(name, nir.read(model, type_check=False)) | {"dt": 1e-3}
    other = Conventions(**answers)  # type: ignore[arg-type]
    assert other != plain
    found, default = meant(model, other, inputs).spikes, meant(model, plain, inputs).spikes
    assert any(np.any(found[name] != spikes) for name, spikes in default.items())


def test_options_override_and_the_report_names_the_framework(tmp_path: Path) -> None:
    model = written(tmp_path / "model.nir", "LIF", 1)
    source = open_network(model, Settings(like="sinabs", dt=1e-3, fires="above"))
    assumed = source.assumptions.as_dict()
    assert assumed["dt"] == {"value": 1e-3, "source": "option"}
    assert assumed["fires"] == {"value": "above", "source": "option"}
    assert assumed["reset"] == {"value": "subtract", "source": "like sinabs"}
    assert assumed["max_spikes"] == {"value": 255, "source": "like sinabs"}
    assert not [f for f in source.assumptions.findings if "--dt" in f.remedy]


def test_refusals(tmp_path: Path) -> None:
    model = written(tmp_path / "model.nir", "LIF", 1)
    line = refused("inspect", model, "--like", "sinabs", "--dt", 1e-3, "--reset", "value")
    assert "max spikes 255 with reset value; expected --reset subtract" in line
    assert ultralif("inspect", model, "--like", "brian").code == 2
    assert ultralif("inspect", model, "--like", "snntorch").code == 0
    line = refused("inspect", model, "--like", "sinabs", "--discretization", "euler")
    assert "tau = 0.004 s with a timestep of 1 s" in line
    full = np.full(3, 1.0)
    nodes = {
        "input": nir.Input(np.array([3])),
        "if": nir.IF(full, full, 0 * full),
        "lif": nir.LIF(full / 100, full, 0 * full, full, 0 * full),
        "output": nir.Output(np.array([3])),
    }
    edges = [("input", "if"), ("if", "lif"), ("lif", "output")]
    nir.write(tmp_path / "both.nir", nir.NIRGraph(nodes, edges, type_check=False))
    line = refused("inspect", tmp_path / "both.nir", "--like", "norse")
    assert "Norse's IF nodes take their inputs as they are" in line
