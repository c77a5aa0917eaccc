"""Contents of checkpoints that must be refused: one message a test."""

import zipfile

import pytest
import torch

from support.networks.checkpoints import network, refused, state, written
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.soft.checkpoint import MAX_TIMESTEPS, load_checkpoint
from ultralif_deploy.soft.checkpoint_file import SETTINGS_KEY, read_tensors


@pytest.fixture
def refusal(tmp_path):
    """Write contents and return the message that refuses them."""

    def message(content, **options):
        return refused(written(tmp_path / "net.pt", content), **options)

    return message


def test_not_a_dictionary(refusal):
    assert refusal([1, 2]) == "holds a list; expected a dictionary of tensors"


@pytest.mark.parametrize("content", [{}, {"model_state_dict": 5}, {"model_state_dict": {}}])
def test_no_tensors(refusal, content):
    assert refusal(content) == "no model_state_dict and no tensors; expected a checkpoint"


@pytest.mark.parametrize("entry", [{"fc1.weight": 1}, {3: torch.zeros(1)}])
def test_entries_that_are_no_tensors(refusal, entry):
    assert refusal(entry).endswith("is no tensor; expected a state dict")


def test_keys_of_another_network(refusal):
    message = refusal({"conv9.weight": torch.zeros(4, 1, 3, 3), "out.weight": torch.zeros(2, 4)})
    assert message.startswith("keys conv9.weight, out.weight … make no known network; expected fc1")


def test_missing_layer(refusal):
    given = {k.replace("fc2", "fc3"): v for k, v in state().items()}
    assert "make no known network" in refusal(given)


def test_missing_and_unknown_keys(refusal):
    message = refusal(state(fc2__bias=None, fc2__gain=torch.zeros(2)))
    assert message == "keys do not make a SNN; missing: fc2.bias; unknown: fc2.gain"


def test_unknown_neuron_parameters(refusal):
    message = refusal(state(neuron___speed=torch.zeros(())))
    assert message.startswith(
        "neuron parameters ['_log_eps', '_log_tau', '_speed'] belong to no known kind (ultratlif, "
    )


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_weights_that_are_not_finite(refusal, bad):
    weight = torch.zeros(3, 4)
    weight[1, 2] = weight[0, 0] = bad
    assert refusal(state(fc1__weight=weight)) == "fc1.weight has 2 values that are NaN or infinite"


def test_weights_beyond_the_precision(refusal):
    weight = torch.full((3, 4), 1e300, dtype=torch.float64)
    message = refusal(state(fc1__weight=weight))
    assert message == "fc1.weight has 12 values that are NaN or infinite"


def test_parameters_that_are_not_finite(refusal):
    message = refusal(state(neuron___log_tau=torch.tensor(float("nan"))))
    assert message == "neuron._log_tau has 1 values that are NaN or infinite"


def test_negative_variance(refusal):
    given = dict(network("ultratlif", batch_norm=True).state_dict())
    given["bn1.running_var"] = torch.tensor([1.0, -1.0, 1.0])
    assert refusal(given) == "bn1.running_var has negative values; expected variances"


def test_torch_warns_of_nothing(tmp_path):
    """A pickle of a protocol that torch warns of; warnings are errors here."""
    path = tmp_path / "net.pt"
    torch.save(state(), path)
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, entry in entries.items():
            odd = name.endswith("data.pkl")
            archive.writestr(name, entry.replace(b"\x80\x02", b"\x80\x03", 1) if odd else entry)
    assert load_checkpoint(path).widths == (4, 3, 2)


@pytest.mark.parametrize("dtype", [torch.int64, torch.complex64])
def test_weights_of_another_kind(refusal, dtype):
    message = refusal(state(fc1__weight=torch.zeros(3, 4, dtype=dtype)))
    assert message == f"fc1.weight is {dtype}; expected floating point"


@pytest.mark.parametrize("shape", [(), (3,), (3, 4, 1), (0, 4)])
def test_weights_that_are_no_matrix(refusal, shape):
    message = refusal(state(fc1__weight=torch.zeros(shape)))
    assert message == f"fc1.weight has shape {shape}; expected [out, in]"


def test_layers_that_do_not_fit(refusal):
    message = refusal(state(fc2__weight=torch.zeros(2, 5)))
    assert message == "fc2.weight takes 5 inputs, but fc1 has 3 outputs"


def test_wrong_shape_of_a_bias(refusal):
    assert refusal(state(fc1__bias=torch.zeros(4))) == "fc1.bias has shape (4,); expected (3,)"


def test_parameters_per_neuron(refusal):
    message = refusal(state(neuron___log_tau=torch.zeros(3)))
    assert message.endswith("has shape (3,); expected () (one value for the population)")


@pytest.mark.parametrize("rows", [10**9, 30_000])
def test_expanded_tensors_of_absurd_size(refusal, rows):
    weight = torch.zeros(1, 1).expand(rows, 20_000)
    message = refusal(state(fc1__weight=weight))
    assert "parameters in float64: " in message
    assert "; at most 4,294,967,296; allow more with --max-memory" in message


def test_tensors_without_values(refusal):
    message = refusal(state(fc1__weight=torch.empty(3, 4, device="meta")))
    assert message.startswith("fc1.weight is a tensor of layout torch.strided on meta; expected")


def test_sparse_tensors(refusal):
    message = refusal(state(fc1__weight=torch.ones(3, 4).to_sparse()))
    assert message.startswith("fc1.weight is a tensor of layout torch.sparse_coo on cpu; expected")


# Settings


def test_neuron_option_against_the_keys(refusal):
    message = refusal(state(), neuron="dspike")
    assert message == (
        "--neuron dspike does not have parameters ['_log_eps', '_log_tau']; possible: ultratplif"
    )


def test_theta_option_against_a_learned_threshold(refusal):
    message = refusal(network("fullplif").state_dict(), theta=0.3)
    assert message == "--theta 0.3: fullplif learns its threshold"


def test_tau_option_against_a_learned_decay(refusal):
    message = refusal(state(), tau=0.8)
    assert message == "--tau 0.8: ultratplif learns its decay or has none"


def test_skip_with_one_hidden_layer(refusal):
    assert refusal(state(), skip=True) == "--skip needs two or more hidden layers, found 1"


def test_skip_between_layers_of_two_widths(refusal):
    given = network("ultratlif", (4, 3, 5, 2)).state_dict()
    assert refusal(given, skip=True) == "--skip needs hidden layers of one width, found (3, 5)"


@pytest.mark.parametrize("timesteps", [0, -1, MAX_TIMESTEPS + 1])
def test_timesteps_out_of_range(refusal, timesteps):
    message = refusal(state(), timesteps=timesteps)
    assert message == f"timesteps = {timesteps}; expected 1 to 100000"


@pytest.mark.parametrize(
    "options", [{"theta": float("nan")}, {"tau": 0.0}, {"tau": 1.5}, {"tau": float("nan")}]
)
def test_neuron_constants_out_of_range(refusal, options):
    message = refusal(network().state_dict(), **options)
    assert message.endswith("expected a finite θ and 0 < τ ≤ 1")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("timesteps", 2.5, "timesteps = 2.5 (checkpoint); expected int"),
        ("timesteps", True, "timesteps = True (checkpoint); expected int"),
        ("theta", "high", "theta = 'high' (checkpoint); expected float"),
        ("tau", 10**400, "tau (checkpoint) is too large for a float"),
    ],
)
def test_stored_settings_of_the_wrong_kind(tmp_path, name, value, message):
    content = {"model_state_dict": network().state_dict(), SETTINGS_KEY: {name: value}}
    path = written(tmp_path / "net.pt", content)
    with pytest.raises(UltralifError) as caught:
        load_checkpoint(path)
    assert str(caught.value) == message


def test_files_of_old_torch_say_how_to_write_them_anew(tmp_path):
    path = tmp_path / "old.pt"
    torch.save(state(), path, _use_new_zipfile_serialization=False)
    with pytest.raises(UltralifError, match=r"before 1\.6.*torch\.load\('old\.pt', weights_only"):
        read_tensors(path)
