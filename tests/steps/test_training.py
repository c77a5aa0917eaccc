"""Training on the embedded digits: what it reaches, what it writes, and how it goes on."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import ultralif_deploy as ul
from ultralif_deploy.data import load_dataset
from ultralif_deploy.io.progress import Progress
from ultralif_deploy.passes import apply_passes
from ultralif_deploy.program.graph import Dense
from ultralif_deploy.quantization.calibration import calibration_values
from ultralif_deploy.quantization.quantize import quantize
from ultralif_deploy.soft.checkpoint import load_checkpoint
from ultralif_deploy.soft.neurons.kinds import RELEASED
from ultralif_deploy.soft.training import cosine_plan, evaluate, real_inputs
from ultralif_deploy.sources.opening import open_source
from ultralif_deploy.steps import training
from ultralif_deploy.steps.untrained import ARCHITECTURES, open_untrained

DIGITS = ul.Settings(data="digits", timesteps=2, seed=3)
QUICK = ul.TrainOptions(hidden=(12,), epochs=3, learning_rate=1e-2, batch_size=64)


def content(directory: Path) -> Any:
    return torch.load(directory / "trained.pt", weights_only=True)


def test_the_digits_are_learned_and_the_file_needs_no_options(tmp_path: Path) -> None:
    settings = ul.Settings(data="digits", timesteps=2, gain=1.0)
    options = ul.TrainOptions(epochs=6, learning_rate=3e-2, batch_size=64)
    result = ul.train(tmp_path, settings, options)
    assert result["state"] == "trained"
    assert result["test_accuracy"] is not None
    assert result["test_accuracy"] > 0.88  # 0.916 when it was written
    losses = [epoch["loss"] for epoch in result["epochs"]]
    assert losses[-1] < losses[0] / 4
    assert [p.name for p in tmp_path.iterdir()] == ["trained.pt"]

    source = open_source(result["output"], ul.Settings(data="digits", strict=True))
    assert source.assumptions.findings == ()
    taken = source.assumptions.as_dict()
    assert taken.pop("seed")["source"] == "default"  # of the spikes that are drawn now
    assert taken.pop("device") == {"value": "cpu", "source": "default"}
    assert {entry["source"] for entry in taken.values()} == {"checkpoint"}
    soft = source.require_soft()
    assert soft.architecture == open_untrained(settings, options).architecture
    again, _ = evaluate(soft, source.data.test, source.encoder, 1.0)
    assert again == result["test_accuracy"]
    assert list(source.trajectory) == result["epochs"]


def test_the_released_dictionary(tmp_path: Path) -> None:
    result = ul.train(tmp_path, DIGITS, QUICK)
    held = content(tmp_path)
    released = {"model_state_dict", "best_acc", "epoch", "spike_rate", "energy_proxy", "eps", "tau"}
    assert set(held) == released | {"ultralif_deploy"}
    assert held["best_acc"] == result["test_accuracy"]
    assert held["epoch"] == result["best_epoch"]
    assert held["energy_proxy"] == 2 * held["spike_rate"] == 2 * result["spike_rate"]
    network = load_checkpoint(tmp_path / "trained.pt").network
    assert held["eps"] == network.epsilon()
    assert held["tau"] == pytest.approx(float(network.neuron.log_tau().detach().exp()), rel=1e-6)
    test, encoder = load_dataset("digits").test, open_untrained(DIGITS, QUICK).encoder
    right, rate = evaluate(network, test, encoder, 1.0)
    assert (right, rate) == (held["best_acc"], held["spike_rate"])


def test_the_best_epoch_on_held_out_samples_is_kept(tmp_path: Path) -> None:
    # So high a rate that epochs get worse again.
    options = replace(QUICK, epochs=6, learning_rate=0.3)
    result = ul.train(tmp_path, DIGITS, options)
    reached = [epoch["soft_accuracy"] for epoch in result["epochs"]]
    best = int(np.argmax(reached))
    assert result["best_epoch"] == best + 1 < 6
    network = load_checkpoint(tmp_path / "trained.pt").network
    source = open_untrained(DIGITS, options)
    _, held = training.hold_out(source.train)
    assert evaluate(network, held, source.encoder, 1.0)[0] == reached[best]
    epsilons = result["epochs"][best]["epsilons"]
    assert epsilons == {"neuron": pytest.approx(network.epsilon(), rel=1e-12)}


def test_the_learning_rate_is_the_released_one() -> None:
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.Adam([weight], lr=0.02)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 7)
    expected = []
    for _ in range(7):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    plan = cosine_plan(7, 0.02)
    assert [epoch.learning_rate for epoch in plan] == pytest.approx(expected, rel=1e-12)
    assert {(epoch.factor, epoch.straight_through) for epoch in plan} == {(1.0, False)}


# Going on


class StopAfter(Progress):
    """Interrupts after an epoch is kept."""

    def __init__(self, patch: pytest.MonkeyPatch, epoch: int) -> None:
        keep = training._Run.keep

        def stopping(run: Any, figures: Any, state: Any) -> None:
            keep(run, figures, state)
            if figures.epoch == epoch:
                raise KeyboardInterrupt

        patch.setattr(training._Run, "keep", stopping)


@pytest.mark.parametrize(
    "change",
    [{}, {"hidden": (8, 8), "batch_norm": True, "bits": 4}, {"learning_rate": 0.3, "epochs": 5}],
    ids=["plain", "4 bits with batch norm", "best before the stop"],
)
def test_an_interrupted_run_ends_like_an_uninterrupted_one(
    change: dict[str, Any], tmp_path: Path
) -> None:
    options = replace(QUICK, **change)
    whole = ul.train(tmp_path / "whole", DIGITS, options)
    for epoch in (1, options.epochs - 1):
        where = tmp_path / str(epoch)
        stopped = pytest.raises(KeyboardInterrupt, match="the same command goes on")
        with pytest.MonkeyPatch.context() as patch, stopped:
            ul.train(where, DIGITS, options, StopAfter(patch, epoch))
        assert [path.name for path in where.iterdir()] == ["train-state.pt"]
        resumed = ul.train(where, DIGITS, options)
        assert resumed["state"] == "resumed"
        assert resumed["epochs"] == whole["epochs"]
        assert [path.name for path in where.iterdir()] == ["trained.pt"]
        one, other = (tmp_path / name / "trained.pt" for name in ("whole", str(epoch)))
        assert one.read_bytes() == other.read_bytes()


def test_a_finished_run_is_not_run_again(tmp_path: Path) -> None:
    first = ul.train(tmp_path, DIGITS, QUICK)
    with pytest.MonkeyPatch.context() as patch:
        again = ul.train(tmp_path, DIGITS, QUICK, StopAfter(patch, 1))
    assert again == first | {"state": "finished before"}


@pytest.mark.parametrize(
    ("settings", "options"),
    [
        ({"seed": 4}, {}),
        ({"theta": 0.1}, {}),
        ({"neuron": "ultratlif"}, {}),
        ({"limit": 100}, {}),
        ({}, {"sparsity": 0.1}),
        ({}, {"hidden": (13,)}),
    ],
)
def test_another_run_is_not_taken_for_this_one(
    settings: dict[str, Any], options: dict[str, Any], tmp_path: Path
) -> None:
    ul.train(tmp_path, DIGITS, replace(QUICK, epochs=1))
    other = replace(QUICK, epochs=1, **options)
    assert ul.train(tmp_path, replace(DIGITS, **settings), other)["state"] == "trained"


# What can be trained


@pytest.mark.parametrize("neuron", RELEASED)
def test_every_released_neuron(neuron: str, tmp_path: Path) -> None:
    settings = replace(DIGITS, neuron=neuron, timesteps=1, limit=50)
    result = ul.train(tmp_path, settings, replace(QUICK, epochs=1))
    source = open_source(result["output"], ul.Settings(data="digits", strict=True))
    assert source.require_soft().architecture.neuron == neuron
    assert 0 < content(tmp_path)["tau"] <= 1


FORMS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "two layers with skip": ({"skip": True}, {"hidden": (9, 9)}),
    "batch norm": ({}, {"hidden": (9, 7), "batch_norm": True}),
    "ConvSNN": ({}, {"architecture": "convsnn", "channels": (3, 4), "batch_norm": True}),
    "stateless": ({"stateless": True}, {"architecture": "convsnn", "channels": (3, 4)}),
    "SpikingResNet18": ({}, {"architecture": "spikingresnet18", "channels": (2, 3, 4, 5)}),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_released_architecture(form: str, tmp_path: Path) -> None:
    given, how = FORMS[form]
    settings = ul.Settings(data="digits", timesteps=1, limit=30, **given)
    options = ul.TrainOptions(epochs=1, **how)
    with pytest.MonkeyPatch.context() as patch:
        few = replace(load_dataset("digits"), train=load_dataset("digits").train.cut(80)[0])
        patch.setattr("ultralif_deploy.sources.inputs.load_dataset", lambda *_: few)
        ul.train(tmp_path, settings, options)
        expected = open_untrained(settings, options).architecture
    source = open_source(tmp_path / "trained.pt", ul.Settings(data="digits", strict=True))
    assert source.require_soft().architecture == expected
    names = {"ConvSNN": "ConvSNN", "stateless": "ConvSNN", "SpikingResNet18": "SpikingResNet18"}
    assert source.architecture == names.get(form, "DeepSNN")


def test_released_channels() -> None:
    for name in set(ARCHITECTURES) - {"snn", "deepconvsnn"}:
        found = open_untrained(DIGITS, ul.TrainOptions(architecture=name)).architecture
        released = {
            "convsnn": (1, 32, 64),
            "spikingresnet18": (1, 64, 64, 64, 128, 128, 256, 256, 512, 512),
        }
        assert found.channels == released[name]
        assert found.name == {"convsnn": "ConvSNN"}.get(name, "SpikingResNet18")


@pytest.mark.parametrize(
    ("shape", "settings", "inputs", "encoding", "timesteps"),
    [
        ((6, 5), {}, 5, "events", 6),
        ((6, 5), {"timesteps": 3}, 5, "events", 3),
        ((6, 5), {"encoding": "constant"}, 30, "constant", 10),
        ((6, 2, 4, 4), {}, 32, "events", 6),
        ((6, 2, 5), {}, 10, "events", 6),
        ((4, 4), {"encoding": "events"}, 4, "events", 4),
        ((2, 4, 4), {"encoding": "events"}, 32, "events", 1),
    ],
)
def test_frames_of_events(
    shape: tuple[int, ...],
    settings: dict[str, Any],
    inputs: int,
    encoding: str,
    timesteps: int,
    tmp_path: Path,
) -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 3, (40, *shape)).astype(np.uint8)
    x.flat[0] = 2 if encoding == "events" else 200
    path = tmp_path / "data.npz"
    np.savez(path, x_train=x, y_train=np.arange(40) % 3, x_test=x[:9], y_test=np.arange(9) % 3)
    given = ul.Settings(data=path, **settings)
    source = open_untrained(given, QUICK)
    assert source.architecture.widths == (inputs, 12, 3)
    assert (source.encoder.kind, source.encoder.timesteps) == (encoding, timesteps)
    result = ul.train(tmp_path / "out", given, replace(QUICK, epochs=1))
    opened = open_source(result["output"], ul.Settings(data=path))
    assert asdict(opened.encoder) == asdict(source.encoder)


def test_weights_are_those_that_will_be_quantized(tmp_path: Path) -> None:
    options = replace(QUICK, bits=3)
    ul.train(tmp_path, DIGITS, options)
    source = open_source(tmp_path / "trained.pt", DIGITS)
    network = apply_passes(source.network)
    train = source.data.train
    assert train is not None
    program = quantize(network, 3, calibration_values(train, source.encoder))
    for projection in network.projections:
        assert isinstance(projection.map, Dense)
        (made,) = [p for p in program.projections if p.name == projection.name]
        scale = program.population(projection.target).scale[:, None]
        bound = 8 * 2.0**-24 * np.abs(projection.map.weight).max()
        np.testing.assert_allclose(
            scale * made.map.matrix(), projection.map.weight, rtol=0, atol=bound
        )


def test_sparsity_lowers_the_spike_rate(tmp_path: Path) -> None:
    rates = []
    for sparsity in (0.0, 3.0):
        result = ul.train(tmp_path, DIGITS, replace(QUICK, epochs=5, sparsity=sparsity))
        rates.append(result["epochs"][-1]["spike_rate"])
    assert rates[1] < 0.8 * rates[0]


def test_a_margin_makes_spikes_harder(tmp_path: Path) -> None:
    test, encoder = load_dataset("digits").test, open_untrained(DIGITS, QUICK).encoder
    _, values = next(encoder.blocks(test.x))
    softness = []
    for margin in (0.0, 0.3):
        ul.train(tmp_path, DIGITS, replace(QUICK, epochs=5, margin=margin))
        network = load_checkpoint(tmp_path / "trained.pt").network
        with torch.no_grad():
            trace = network(real_inputs(encoder, values))
        spikes = trace.spikes["neuron"]
        softness.append(float(trace.softness()))
        assert softness[-1] == pytest.approx(float((4 * spikes * (1 - spikes)).mean()))
    assert softness[1] < 0.8 * softness[0]
