"""Network exchange files: read by lava-dl's own loader in Lava's environment, and exact there."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from support.commands import DEMO, ultralif
from support.comparisons import assert_same_trace
from support.lava_comparisons import LAVA_PYTHON, equal_where_not_refused
from support.strategies.programs import programs
from ultralif_deploy.errors import Refused
from ultralif_deploy.io.files import sha256_file
from ultralif_deploy.program.graph import INPUT, AnyMap, Conv2d, Dense, Identity, Projection
from ultralif_deploy.program.neurons import (
    LIF,
    CubaLIF,
    Integrator,
    LeakyIntegrator,
    NeuronModel,
    Threshold,
)
from ultralif_deploy.program.program import (
    Input,
    Population,
    Program,
    executed_arrays,
    weights_digest,
)
from ultralif_deploy.simulators.reference import simulator as reference
from ultralif_deploy.simulators.runners import lava as lava_runner
from ultralif_deploy.verify.backends import BACK_ENDS, EXPORTERS, load_on, load_written
from ultralif_deploy.verify.certificate import first_difference

Stage = tuple[AnyMap, NeuronModel, Any]
"""Weights, neurons and their bias."""


@pytest.fixture
def loader(monkeypatch: pytest.MonkeyPatch) -> None:
    """lava-dl's loader; without it the test is skipped by name, under CI it fails."""
    if LAVA_PYTHON is not None:
        monkeypatch.setenv(lava_runner.PYTHON, LAVA_PYTHON)
    missing = BACK_ENDS["netx"].missing()
    if missing is not None and not os.environ.get("CI"):
        pytest.skip(f"{missing.tool} is not installed")


@pytest.fixture
def warm(loader: None, warm_lava: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs start with the loader imported."""
    monkeypatch.setenv(lava_runner.PYTHON, warm_lava)


def chain(*stages: Stage, maximum: int = 1, steps: int = 6) -> Program:
    """Populations p0, p1, … and `out`, each driven by the one before alone."""
    names = [*(f"p{i}" for i in range(len(stages) - 1)), "out"]
    populations, projections = [], []
    for source, name, (linear, neuron, bias) in zip([INPUT, *names], names, stages, strict=False):
        size = linear.target_size
        bias = np.broadcast_to(bias, (size,))
        populations.append(Population(name, size, neuron, bias, np.ones(size)))
        projections.append(Projection(source, name, linear))
    first = Input(stages[0][0].source_size, maximum)
    return Program(first, tuple(populations), tuple(projections), "8", steps, 1)


def dense(rng: np.random.Generator, target: int, source: int) -> Dense:
    return Dense(rng.integers(-127, 128, (target, source)))


def whole(value: int, size: int) -> np.ndarray:
    return np.full(size, value)


def convolutional(rng: np.random.Generator) -> Program:
    """Strides, padding, dilation and groups that differ per axis; LIF, thresholds per neuron."""
    first = Conv2d(rng.integers(-127, 128, (3, 2, 3, 2)), (2, 6, 5), (2, 1), (1, 0), (1, 2))
    second = Conv2d(
        rng.integers(-127, 128, (6, 1, 2, 1)), first.output_shape, (1, 1), (0, 1), (1, 1), 3
    )
    n, m = first.target_size, second.target_size
    channels = second.per_neuron(64 * rng.integers(-30, 31, 6))
    return chain(
        (first, Threshold(rng.integers(-300, 400, n)), 0),
        (second, LIF(whole(6400, m), whole(300, m), whole(0, m)), channels),
        (dense(rng, 5, m), Threshold(rng.integers(-300, 400, 5)), rng.integers(-5, 6, 5)),
        (dense(rng, 3, 5), Integrator(), np.array([4, -5, 7])),
    )


def convolved_readout(rng: np.random.Generator) -> Program:
    first = Conv2d(rng.integers(-8, 8, (4, 1, 2, 3)), (1, 5, 4))
    last = Conv2d(rng.integers(-8, 8, (2, 4, 2, 1)), first.output_shape)
    thresholds = first.per_neuron(rng.integers(-9, 10, 4))
    return chain((first, Threshold(thresholds), 0), (last, Integrator(), 0))


def one_sign(rng: np.random.Generator) -> Program:
    """Weights of one sign up to the loader's limits, ternary ones, an identity, a leaky end."""
    return chain(
        (Dense(rng.integers(0, 128, (9, 8))), Threshold(rng.integers(100, 400, 9)), 0),
        (Dense(rng.integers(-127, 1, (9, 9))), Threshold(rng.integers(-400, -100, 9)), 0),
        (Identity(9), Threshold(whole(0, 9)), 0),
        (Dense(rng.integers(-1, 2, (9, 9))), Threshold(rng.integers(-2, 2, 9)), 0),
        (Dense(-rng.integers(1, 8, (4, 9))), LeakyIntegrator(whole(1024, 4)), 128),
    )


@pytest.mark.parametrize("make", [convolutional, convolved_readout, one_sign])
def test_layers_are_equal_to_the_reference(warm: None, make: Any) -> None:
    rng = np.random.default_rng(0)
    program = make(rng)
    inputs = (rng.random((program.timesteps, 4, program.input.size)) < 0.5).astype(np.uint8)
    expected = reference.load(program).run(inputs, record=True)
    assert expected.spikes is not None
    assert all(0 < spikes.mean() < 1 for spikes in expected.spikes.values())
    loaded = load_on("netx", program)
    assert_same_trace(loaded.run(inputs, record=True), expected)
    assert weights_digest(loaded.executed()) == weights_digest(executed_arrays(program))


def test_drawn_chains_are_equal_to_the_reference(warm: None) -> None:
    drawn = programs(
        kinds=("threshold", "lif"), delayed=False, chain=True, readouts=("integrator", "li")
    )
    assert equal_where_not_refused(drawn, 12, ("netx",))["netx"] >= 3


def test_the_embedded_network_is_certified(loader: None, tmp_path: Path) -> None:
    done = ultralif(
        *("deploy", DEMO, "--data", "digits", "--certify", 5, "--on", "netx", "-o", tmp_path)
    )
    assert done.code == 0, done.err
    record = json.loads((tmp_path / "certificate.json").read_text("utf-8"))["backends"]["netx"]
    assert record["exact"]
    assert record["samples"] == 5
    assert "netx/program.net" in record["artefacts_sha256"]
    checked = ultralif("verify", "--certificate", tmp_path / "certificate.json")
    assert checked.code == 0, checked.err


def small() -> Program:
    rng = np.random.default_rng(3)
    return chain(
        (dense(rng, 4, 5), Threshold(rng.integers(-50, 50, 4)), 0),
        (dense(rng, 2, 4), Integrator(), 1),
    )


@pytest.mark.parametrize(
    "dataset", ["1/weight", "2/weight", "1/bias", "2/bias", "1/neuron/vThMant", "2/neuron/vDecay"]
)
def test_a_changed_file_is_found(warm: None, tmp_path: Path, dataset: str) -> None:
    program = small()
    EXPORTERS["netx"](program, tmp_path / "netx")
    with h5py.File(tmp_path / "netx" / "program.net", "r+") as file:
        held = file[f"layer/{dataset}"]
        held[...] = held[()] + 40
    loaded = load_written("netx", program, tmp_path)
    inputs = np.random.default_rng(1).integers(0, 2, (6, 8, 5), dtype=np.uint8)
    expected = reference.load(program).run(inputs, record=True)
    assert first_difference(expected, loaded.run(inputs, record=True)) is not None
    assert weights_digest(loaded.executed()) != weights_digest(executed_arrays(program))


def test_the_file_holds_datasets_alone_and_the_same_bytes_each_time(tmp_path: Path) -> None:
    program = convolutional(np.random.default_rng(0))
    for name in ("a", "b"):
        EXPORTERS["netx"](program, tmp_path / name)
    path = tmp_path / "a" / "program.net"
    assert sha256_file(path) == sha256_file(tmp_path / "b" / "program.net")
    with h5py.File(path) as file:
        attributes: list[str] = []
        file.visititems(lambda name, item: attributes.extend(item.attrs))
        assert attributes == []
        types = [file[f"layer/{i}/type"][0] for i in range(len(file["layer"]))]
        assert types == [b"input", b"conv", b"conv", b"flatten", b"dense", b"dense"]
        assert_array_equal(file["layer/0/shape"], (2, 6, 5))
        layer = file["layer/2"]
        assert_array_equal(layer["weight"], program.projections[1].map.weight)
        assert {k: layer[k][()].tolist() for k in ("stride", "padding", "dilation", "groups")} == {
            "stride": [1, 1],
            "padding": [0, 1],
            "dilation": [1, 1],
            "groups": 3,
        }
        assert layer["bias"].shape == (6,)  # one per channel where a channel's are alike
        assert file["layer/1/bias"].shape == (3, 3, 3)  # else one per neuron [x, y, channel]
        assert {k: v[()].tolist() for k, v in layer["neuron"].items()} == {
            "type": [b"CUBA"],
            "iDecay": 4096,
            "vDecay": 300,
            "vThMant": 100,
        }


def lif(reset: int = 0, mode: str = "value", threshold: object = 6400) -> LIF:
    values = np.broadcast_to(threshold, (2,))
    return LIF(values, whole(1024, 2), whole(reset, 2), mode)


ONES, END = Dense(np.ones((2, 2))), (Dense(np.ones((1, 2))), Integrator(), 0)
UNIT = Threshold(whole(1, 2))
WIDE = Dense(np.full((2, 300), 127))


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (
            chain((Dense(np.zeros((2, 2))), UNIT, 0), END),
            "p0: its weights are all 0, which stops lava-dl's loader",
        ),
        (
            chain((Dense(np.array([[-64, -3], [0, -1]])), UNIT, 0), END),
            "p0: no weight is positive and the smallest is -64, which lava-dl scales to -256",
        ),
        (chain((ONES, UNIT, 0), END, maximum=2), "inputs up to 2; spikes carry at most 1"),
        (
            chain((ONES, lif(threshold=[6400, 12800]), 0), END),
            "p0: 2 different thresholds and decays; limit 1",
        ),
        (chain((ONES, lif(), 32), END), "p0: biases up to 32 membrane units that no mantissa"),
        (chain((ONES, lif(64), 0), END), "p0: reset value to other values than 0"),
        (chain((ONES, lif(64, "subtract"), 0), END), "p0: reset subtract"),
        (
            chain((ONES, CubaLIF(*[whole(64, 2)] * 3, whole(0, 2)), 0), END),
            "p0: stock neurons have no CubaLIF",
        ),
        (chain((WIDE, UNIT, 0), END), "p0: synaptic sums reach 38100; limit 32767"),
        (
            chain((WIDE, Threshold(np.array([-20000, 20000])), 0), END),
            "p0: synaptic sums reach 38100; limit 32767",
        ),
        (
            chain((Dense(np.full((2, 99), 127)), Threshold(np.array([-9000, 9000])), 0), END),
            "p0: bias mantissas reach 9001; limit 4095",
        ),
        (
            chain((ONES, UNIT, 0), (Dense(np.full((1, 2), 127)), Integrator(), 0), steps=600),
            "out: logits may reach 152400; limit 131071",
        ),
        (
            chain((Dense(np.ones((4, 4))), Threshold(whole(1, 4)), 0),
                (Conv2d(np.ones((1, 1, 2, 2)), (1, 2, 2)), Integrator(), 0)),
            "out: a convolution of .1, 2, 2. after a layer of .4,.; convolutions of netx follow",
        ),
    ],
)  # fmt: skip
def test_what_netx_cannot_express_is_refused(
    program: Program, message: str, tmp_path: Path
) -> None:
    with pytest.raises(Refused, match=f"^netx: {message}.*; ") as refusal:
        EXPORTERS["netx"](program, tmp_path / "netx")
    assert "\n" not in str(refusal.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (Projection(INPUT, "out", Dense(np.ones((1, 2)))), "out: driven by p0, input"),
        (Projection("p0", "p0", Identity(2)), "p0: driven by input, p0"),
    ],
)
def test_joins_and_loops_are_refused(extra: Projection, message: str, tmp_path: Path) -> None:
    line = chain((ONES, UNIT, 0), END)
    program = Program(line.input, line.populations, (*line.projections, extra), "8", 6, 1)
    with pytest.raises(Refused, match=f"^netx: {message}; layers of netx form a chain"):
        EXPORTERS["netx"](program, tmp_path / "netx")


def test_a_python_without_lava_dl_is_reported_with_the_way_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(lava_runner.PYTHON, sys.executable)
    found = ultralif("doctor", "--json").json()["backends"]["netx"]
    assert found["available"] is False
    assert "lava-dl 0.6" in found["tool"]
    assert "--ignore-requires-python lava-dl==0.6.0" in found["install"]
