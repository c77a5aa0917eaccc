"""ConvSNN, DeepConvSNN and residual nets: from checkpoint to program."""

import numpy as np
import pytest
import torch

from support.comparisons import assert_same_trace, neurons_left
from ultralif_deploy.data import Split, load_dataset
from ultralif_deploy.data.encoders import Encoder
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.exporters.nir.programs import read_nir, write_nir
from ultralif_deploy.network.running import run_hard
from ultralif_deploy.passes import apply_passes
from ultralif_deploy.program.graph import Conv2d
from ultralif_deploy.quantization.quantize import quantize
from ultralif_deploy.simulators.fast import simulator as fast
from ultralif_deploy.simulators.reference import simulator as reference
from ultralif_deploy.soft.anneal import AnnealOptions, fine_tune
from ultralif_deploy.soft.checkpoint import load_checkpoint
from ultralif_deploy.soft.checkpoint_file import save
from ultralif_deploy.soft.hardening import harden
from ultralif_deploy.soft.network import Architecture, SoftNetwork
from ultralif_deploy.soft.training import constant_plan, evaluate, fit, real_inputs

ENCODER = Encoder("constant", 2)


def architecture(form, kind="ultratplif"):
    return {
        "conv": Architecture((64, 10), kind, channels=(1, 3, 4), side=8),
        "conv bn": Architecture((81, 10), kind, True, channels=(1, 3, 4), side=9),
        "deep": Architecture((2 * 16 * 16, 4), kind, True, channels=(2, 4, 6, 6, 4), side=16),
        "residual": Architecture(
            (49, 10), kind, True, channels=(1, 3, 3, 4, 4), side=7, residual=True
        ),
    }[form]


FORMS = ("conv", "conv bn", "deep", "residual")


def network(form, kind="ultratplif", seed=0):
    """Parameters and statistics off their defaults."""
    made = SoftNetwork(architecture(form, kind), seed).double().eval()
    rng = np.random.default_rng(seed)
    with torch.no_grad():
        for name, value in made.state_dict().items():
            if name.endswith("running_mean"):
                value += torch.tensor(rng.normal(0, 0.1, value.shape))
            if name.endswith("bias"):
                value += torch.tensor(rng.normal(0.0, 0.3, value.shape))
            if name.endswith(("running_var", "bn1.weight", "1.weight")):
                value *= torch.tensor(rng.uniform(0.5, 1.5, value.shape))
    return made


def images(a, samples, seed=1):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (samples, a.channels[0], a.side, a.side), dtype=np.uint8)


@pytest.mark.parametrize("kind", ["ultratlif", "ultratplif", "lif", "ultradlif"])
@pytest.mark.parametrize("form", FORMS)
def test_hard_network_is_the_soft_one_at_zero_temperature(form, kind):
    soft = network(form, kind)
    values = ENCODER.encode(images(soft.architecture, 6))
    with torch.no_grad():
        expected = soft(real_inputs(ENCODER, values).double(), 0.0)
    for hard in (harden(soft, ENCODER), apply_passes(harden(soft, ENCODER), ["collapse-constant"])):
        trace = run_hard(hard, values)
        assert set(trace.spikes) == set(expected.spikes)
        for name, spikes in expected.spikes.items():
            left = spikes.numpy()[..., neurons_left(hard, name)]
            np.testing.assert_array_equal(trace.spikes[name], left != 0, name)
            assert spikes.any(), name
        first = next(iter(expected.spikes.values()))
        assert 0 < first.mean() < 1
        np.testing.assert_allclose(trace.logits, expected.logits.numpy(), atol=1e-9)


@pytest.mark.parametrize("form", FORMS)
def test_programs_are_exact_and_survive_nir(form, tmp_path):
    soft = network(form)
    values = ENCODER.encode(images(soft.architecture, 3))
    hard = apply_passes(harden(soft, ENCODER))
    program = quantize(hard, 8, values, ENCODER)
    assert all(p.map.groups in (1, len(p.map.weight)) for p in convolutions(program))
    expected = reference.load(program).run(values[: program.timesteps], record=True)
    assert_same_trace(fast.load(program).run(values[: program.timesteps], record=True), expected)
    path = tmp_path / "program.nir"
    write_nir(program, path)
    assert_same_trace(
        reference.load(read_nir(path)).run(values[: program.timesteps], record=True), expected
    )
    real = run_hard(hard, values)
    same = [np.mean(expected.spikes[k] == v) for k, v in real.spikes.items()]
    assert min(same) > 0.9  # 8 bits, one scale a channel


def convolutions(program):
    return [p for p in program.projections if isinstance(p.map, Conv2d)]


def test_residual_sums_share_one_scale_per_channel():
    soft = network("residual")
    program = quantize(apply_passes(harden(soft, ENCODER)), 8)
    incoming = program.incoming("blocks.0.neuron2")
    assert {p.source for p in incoming} == {"blocks.0.neuron1", "stem_neuron"}
    identity = next(p.map for p in incoming if p.source == "stem_neuron")
    scale = program.population("blocks.0.neuron2").scale.reshape(3, -1)
    assert (scale == scale[:, :1]).all()
    # A spike of the shortcut weighs 1.0, to the nearest step.
    weight = identity.weight.reshape(3)
    np.testing.assert_array_equal(weight, np.clip(np.rint(1 / scale[:, 0]), -128, 127))


@pytest.mark.parametrize("form", FORMS)
def test_architecture_is_found_from_the_keys(form, tmp_path):
    soft = network(form).float()
    path = tmp_path / "ultratplif_T2_seed0.pt"
    save(path, soft, {}, {})
    found = load_checkpoint(path, data_side=soft.architecture.side)
    assert found.network.architecture == soft.architecture
    for key, value in soft.state_dict().items():
        torch.testing.assert_close(found.network.state_dict()[key], value, rtol=0, atol=0)


def without(state, *keys):
    return {k: v for k, v in state.items() if k not in keys}


BAD = {
    "a gap": ("deep", lambda s: without(s, "conv2.weight"), "without a gap"),
    "no read-out": ("conv", lambda s: without(s, "fc.weight"), "fc.weight: found nothing"),
    "a kernel of 5": ("conv", lambda s: s | {"conv1.weight": torch.ones(3, 1, 5, 5)}, "3, 3"),
    "channels": ("conv", lambda s: s | {"conv2.weight": torch.ones(4, 2, 3, 3)}, "the next one"),
    "no square": ("conv", lambda s: s | {"fc.weight": torch.ones(10, 4 * 5)}, "square image"),
    "no shortcut": (
        "residual",
        lambda s: without(s, "blocks.1.shortcut.0.weight"),
        "a shortcut exactly where",
    ),
    "features": ("residual", lambda s: s | {"fc.weight": torch.ones(10, 9)}, "the 4 channels"),
}


@pytest.mark.parametrize("case", BAD)
def test_state_dicts_that_make_no_network(case, tmp_path):
    form, change, message = BAD[case]
    path = tmp_path / "bad.pt"
    torch.save({"model_state_dict": change(dict(network(form).float().state_dict()))}, path)
    with pytest.raises(UltralifError, match=message):
        load_checkpoint(path)


@pytest.mark.parametrize(
    ("form", "options", "message"),
    [
        ("conv", {"input_side": 16}, "belongs to images of 8 to 11 pixels a side, found 16"),
        ("conv", {"data_side": 28}, r"found 28 \(data\)"),
        ("residual", {"input_side": 0}, "image side 0; expected 1 to 1024"),
    ],
)
def test_image_sides_that_do_not_fit(form, options, message, tmp_path):
    path = tmp_path / "net.pt"
    torch.save(network(form).float().state_dict(), path)
    with pytest.raises(UltralifError, match=message):
        load_checkpoint(path, **options)


def small_digits(samples):
    split = load_dataset("digits").train
    return Split(split.x[:samples], split.y[:samples])


@pytest.mark.parametrize(("form", "at_least"), [("conv", 0.6), ("residual", 0.3)])
def test_networks_train_and_deploy(form, at_least):
    a = {
        "conv": Architecture((64, 10), "ultratplif", True, channels=(1, 8, 12), side=8),
        "residual": Architecture(
            (64, 10), "ultratplif", True, channels=(1, 6, 8), side=8, residual=True
        ),
    }[form]
    encoder, train, held = Encoder("constant", 1), small_digits(600), load_dataset("digits").test
    soft = SoftNetwork(a)
    fit(soft, train, encoder, constant_plan(6, 1e-2), batch_size=50)
    options = AnnealOptions(epochs=4, batch_size=50, bits=4)
    annealed = fine_tune(soft, train, encoder, options)
    hard, _ = evaluate(annealed, held, encoder, 0.0)
    program = quantize(apply_passes(harden(annealed, encoder)), 8, encoder.encode(train.x[:200]))
    trace = fast.load(program).run(encoder.encode(held.x))
    integer = np.mean(trace.predictions() == held.y)
    assert hard > at_least
    assert integer > hard - 0.05
    some = encoder.encode(held.x[:3])
    assert_same_trace(
        fast.load(program).run(some, record=True), reference.load(program).run(some, record=True)
    )


def test_full_residual_net_converts_and_runs():
    channels = (3, 64, 64, 64, 128, 128, 256, 256, 512, 512)
    a = Architecture((3072, 10), "ultratplif", True, channels=channels, side=32, residual=True)
    soft = SoftNetwork(a).eval()
    assert a.name == "SpikingResNet18"
    encoder = Encoder("constant", 1)
    program = quantize(apply_passes(harden(soft, encoder)), 8)
    assert len(program.populations) == 18
    assert program.populations[0].size == 65536
    values = encoder.encode(images(a, 1))
    trace = fast.load(program).run(values, record=True)
    assert np.any(trace.spikes["stem_neuron"])
    assert trace.logits.shape == (1, 10)
