"""Encoders: probabilities, seeds, prefixes, scale and offset, merged events."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from ultralif_deploy.data import Dataset, Split
from ultralif_deploy.data.encoders import (
    BLOCK,
    Encoder,
    fitting_encodings,
    lacks_frames,
    largest_input,
)
from ultralif_deploy.data.normalization import NORMALIZATIONS, normalization
from ultralif_deploy.errors import UltralifError


def images(count=30, pixels=5, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, pixels), dtype=np.uint8)


# Rate


ONE_CHANNEL = sorted(k for k, (mean, _) in NORMALIZATIONS.items() if isinstance(mean, float))


@pytest.mark.parametrize("gain", [0.25, 0.5, 1.0])
@pytest.mark.parametrize("normalize", ONE_CHANNEL)
def test_spike_probabilities(gain, normalize):
    mean, std = NORMALIZATIONS[normalize]
    levels = np.arange(0, 256, 15, dtype=np.uint8)
    draws = 1500
    x = np.broadcast_to(levels, (draws, len(levels)))
    spikes = Encoder("rate", 4, gain, normalize).encode(x)
    assert spikes.shape == (4, draws, len(levels))
    assert spikes.dtype == np.uint8
    assert spikes.max() <= 1
    p = gain * np.clip((levels / 255 - mean) / std, 0, 1)
    # Five standard deviations of the mean of 6000 draws, and half a step of 2^-16.
    bound = 5 * np.sqrt(p * (1 - p) / (4 * draws)) + 2**-17
    assert (np.abs(spikes.mean(axis=(0, 1)) - p) <= bound).all()


def test_certain_and_impossible_spikes_are_exact():
    x = np.broadcast_to(np.array([0, 255], dtype=np.uint8), (2000, 2))
    spikes = Encoder("rate", 50, gain=1.0).encode(x)
    assert spikes[:, :, 0].sum() == 0
    assert spikes[:, :, 1].sum() == 50 * 2000


def test_float_images_are_read_like_bytes():
    x = images()
    as_float = x.astype(np.float64) / 255
    for encoder in (Encoder("rate", 6), Encoder("rate", 6, 0.7, "mnist"), Encoder("constant", 2)):
        assert_array_equal(encoder.encode(as_float), encoder.encode(x), strict=True)


def test_bool_images_are_black_and_full_pixels():
    x = images() > 100
    for encoder in (Encoder("rate", 6), Encoder("rate", 6, 0.7, "mnist"), Encoder("constant", 2)):
        assert_array_equal(encoder.encode(x), encoder.encode(x * np.uint8(255)), strict=True)


def test_bool_events_are_counts_of_one():
    x = images(6, 8).reshape(6, 4, 2) > 100
    assert_array_equal(Encoder("events", 2).encode(x), Encoder("events", 2).encode(x * np.uint8(1)))


def test_training_events_widen_the_input_range():
    once, twice = np.ones((3, 4, 2), np.uint8), np.full((3, 4, 2), 2, np.uint8)
    for train, test in ((once, twice), (twice, once)):
        data = Dataset("d", Split(train, None), Split(test, None))
        assert largest_input(Encoder("events", 4), data) == 255
    assert largest_input(Encoder("events", 4), Dataset("d", None, Split(once, None))) == 1
    assert largest_input(Encoder("events", 4), None) == 255
    assert largest_input(Encoder("rate", 4), None) == 1


def test_spikes_follow_the_seed_and_the_stream():
    x = images()
    first = Encoder("rate", 6, seed=1).encode(x)
    assert_array_equal(Encoder("rate", 6, seed=1).encode(x), first)
    for other in (
        Encoder("rate", 6, seed=2).encode(x),
        Encoder("rate", 6, seed=1).encode(x, (0, 1)),
        Encoder("rate", 6, seed=1).encode(x, (1,)),
    ):
        assert (other != first).any()


def test_spikes_are_these():
    # Pinned: a change of the generator would change every stored accuracy.
    x = np.full((2, 4), 255, dtype=np.uint8)
    encoded = Encoder("rate", 3, gain=0.5, seed=7).encode(x)
    raw = np.frombuffer(np.random.default_rng([7, 0]).bytes(48), dtype="<u2").reshape(2, 3, 4)
    assert_array_equal(encoded, (raw < 32768).swapaxes(0, 1).astype(np.uint8))


@pytest.mark.parametrize("kind", ["rate", "constant", "events"])
def test_first_samples_are_the_same_for_every_count(kind):
    x = np.random.default_rng(0).integers(0, 3, (BLOCK + 40, 4, 2), dtype=np.uint8)
    encoder = Encoder(kind, 4, seed=3)
    whole = list(encoder.blocks(x))
    assert [where.start for where, _ in whole] == [0, BLOCK]
    everything = np.concatenate([values for _, values in whole], axis=1)
    for count in (1, 2, 7, BLOCK - 1, BLOCK, BLOCK + 1, BLOCK + 39):
        parts = list(encoder.blocks(x[:count]))
        assert parts[-1][0].stop == count
        prefix = np.concatenate([values for _, values in parts], axis=1)
        assert_array_equal(prefix, everything[:, :count])
    if kind == "rate":  # blocks have spikes of their own
        same = np.broadcast_to(x[:1], x.shape)
        a, b = (values for _, values in encoder.blocks(same))
        assert (a[:, :40] != b).any()


# Constant


@pytest.mark.parametrize("normalize", ONE_CHANNEL)
def test_constant_images_are_read_as_normalised_pixels(normalize):
    mean, std = NORMALIZATIONS[normalize]
    encoder = Encoder("constant", 3, normalize=normalize)
    x = images()
    values = encoder.encode(x)
    assert_array_equal(values, np.stack([x] * 3))
    assert encoder.reading(5) == (1 / (255 * std), -mean / std)
    # Two roundings of values below 4, each by at most 2^-52 relative.
    assert_allclose(encoder.real(values)[0], (x / 255 - mean) / std, rtol=0, atol=4e-15)
    assert encoder.largest(x) == 255


@pytest.mark.parametrize("normalize", ["cifar10", "cifar100", "svhn", "0.5,0.4,0.25,0.2"])
def test_channels_are_normalised_on_their_own(normalize):
    mean, std = normalization(normalize)
    channels = len(mean)
    x = np.random.default_rng(3).integers(0, 256, (20, channels, 4, 4), dtype=np.uint8)
    expected = (x / 255 - mean[:, None, None]) / std[:, None, None]
    constant = Encoder("constant", 1, normalize=normalize)
    real = constant.real(constant.encode(x))[0].reshape(x.shape)
    assert_allclose(real, expected, rtol=0, atol=4e-15)
    rate = Encoder("rate", 400, 1.0, normalize)
    share = rate.encode(x).mean(axis=0).reshape(x.shape)
    assert_allclose(share, np.clip(expected, 0, 1), atol=5 * 0.5 / np.sqrt(400))
    assert_array_equal(rate.encode(x), rate.encode((x / 255).astype(np.float64)))


@pytest.mark.parametrize(
    "text", ["imagenet21k", "0.5", "0.5,0", "0.5,nan", "0.1,0.2,0.3", "0.5,-1", "", "1e999,1"]
)
def test_normalizations_that_are_none(text):
    with pytest.raises(UltralifError, match="expected one of none, mnist, fashion, cifar10"):
        Encoder("rate", 1, normalize=text)


def test_channels_that_the_samples_do_not_have():
    with pytest.raises(UltralifError, match="it has 3 channels, and samples have 784 values"):
        Encoder("constant", 1, normalize="cifar10").reading(784)
    with pytest.raises(UltralifError, match="it has 3 channels, and samples have 784 values"):
        Encoder("rate", 1, normalize="cifar10").encode(np.zeros((2, 28, 28), np.uint8))


@pytest.mark.parametrize("kind", ["rate", "constant"])
def test_channels_last_are_turned(kind):
    x = np.random.default_rng(4).integers(0, 256, (5, 3, 8, 8), dtype=np.uint8)
    first = Encoder(kind, 2, normalize="cifar10")
    last = Encoder(kind, 2, normalize="cifar10", channels_last=True)
    assert_array_equal(last.encode(np.moveaxis(x, 1, -1)), first.encode(x))
    assert "channels_last" not in first.as_dict()
    assert Encoder(**last.as_dict()) == last


def test_frames_with_polarity_last_are_turned():
    x = np.random.default_rng(5).integers(0, 3, (4, 6, 2, 5, 5), dtype=np.uint8)
    last = Encoder("events", 3, channels_last=True)
    assert_array_equal(last.encode(np.moveaxis(x, 2, -1)), Encoder("events", 3).encode(x))


def test_rate_and_events_are_read_as_they_are():
    for kind in ("rate", "events"):
        encoder = Encoder(kind, 2, normalize="mnist")
        assert encoder.reading(3) == (1.0, 0.0)
        values = np.arange(6, dtype=np.uint8).reshape(1, 2, 3)
        assert_array_equal(encoder.real(values), values.astype(np.float64))


def test_images_of_any_shape_are_flattened():
    x = images(6, 12).reshape(6, 1, 3, 4)
    for kind in ("rate", "constant"):
        assert_array_equal(
            Encoder(kind, 2).encode(x), Encoder(kind, 2).encode(x.reshape(6, 12)), strict=True
        )


# Events


def test_frames_are_added_up():
    x = np.arange(2 * 6 * 3, dtype=np.uint8).reshape(2, 6, 3)
    merged = Encoder("events", 3).encode(x)
    assert merged.shape == (3, 2, 3)
    # sample 1, frames 2 and 3: 24 … 26 and 27 … 29
    assert merged[1, 1].tolist() == [24 + 27, 25 + 28, 26 + 29]
    assert_array_equal(Encoder("events", 6).encode(x), x.swapaxes(0, 1))
    assert_array_equal(Encoder("events", 1).encode(x)[0], x.sum(axis=1))


def test_frames_of_many_channels_are_flattened():
    x = np.random.default_rng(0).integers(0, 3, (2, 4, 2, 5, 5), dtype=np.uint8)
    assert_array_equal(Encoder("events", 4).encode(x)[2, 1], x[1, 2].ravel())


def test_float_and_integer_counts_are_the_same():
    x = np.random.default_rng(0).integers(0, 9, (3, 4, 5))
    expected = Encoder("events", 2).encode(x.astype(np.uint8))
    for dtype in (np.float32, np.int64, np.uint16):
        assert_array_equal(Encoder("events", 2).encode(x.astype(dtype)), expected, strict=True)


def test_largest_event_count_decides_the_input_range():
    x = np.zeros((BLOCK + 1, 4, 2), dtype=np.uint8)
    x[-1, 0, 0] = x[-1, 1, 0] = 1
    assert Encoder("events", 4).largest(x) == 1
    assert Encoder("events", 2).largest(x) == 255
    assert Encoder("rate", 4).largest(x) == 1


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int64, np.float32, bool])
def test_one_frame_without_an_axis_of_time(dtype):
    x = np.random.default_rng(0).integers(0, 2 if dtype is bool else 300, (5, 2, 3, 4))
    x = x.astype(dtype)
    encoder = Encoder("events", 1, one_frame=True)
    expected = np.minimum(x.astype(np.int64), 255).reshape(1, 5, 24).astype(np.uint8)
    assert_array_equal(encoder.encode(x), expected, strict=True)
    assert_array_equal(encoder.encode(x), Encoder("events", 1).encode(x[:, None]), strict=True)
    assert encoder.saturated(x) == np.count_nonzero(x.astype(np.int64) > 255)
    assert encoder.largest(x) == (1 if dtype is bool else 255)
    last = Encoder("events", 1, one_frame=True, channels_last=True)
    assert_array_equal(last.encode(np.moveaxis(x, 1, -1)), expected, strict=True)
    assert Encoder(**last.as_dict()) == last
    assert "one_frame" not in Encoder("events", 1).as_dict()


def test_one_frame_is_one_timestep():
    encoder = Encoder("events", 2, one_frame=True)
    with pytest.raises(UltralifError, match="timesteps = 2 for samples that are one frame of"):
        encoder.encode(np.zeros((3, 2, 4, 4), np.uint8))


def test_timesteps_must_divide_the_frames():
    with pytest.raises(UltralifError, match=r"timesteps = 4 does not divide the 6 frames .* of 6$"):
        Encoder("events", 4).encode(np.zeros((1, 6, 2), np.uint8))


def test_event_data_without_frames():
    with pytest.raises(UltralifError, match=r"event data has shape \(3, 4\); expected \[sample, t"):
        Encoder("events", 1).encode(np.zeros((3, 4), np.uint8))


def test_merged_counts_beyond_a_byte():
    x = np.full((1, 2, 1), 128, dtype=np.uint8)
    assert Encoder("events", 2).encode(x).max() == 128
    assert Encoder("events", 1).encode(x).max() == 255
    assert Encoder("events", 1).saturated(x) == 1
    assert Encoder("events", 2).saturated(x) == 0


@pytest.mark.parametrize("bad", [0.5, -1.0, float("nan")])
def test_events_that_are_no_counts(bad):
    x = np.ones((1, 2, 2), dtype=np.float32)
    x[0, 1, 1] = bad
    with pytest.raises(UltralifError, match="must be whole counts of at least 0"):
        Encoder("events", 2).encode(x)


# Refusals


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "morse"}, "encoding 'morse'; expected one of rate, constant, events"),
        ({"timesteps": 0}, "timesteps = 0; expected at least 1"),
        ({"gain": 0.0}, "gain = 0.0; expected a value above 0 and at most 1"),
        ({"gain": 1.01}, "gain = 1.01; expected"),
        ({"gain": float("nan")}, "gain = nan; expected"),
        ({"normalize": "cifar"}, "normalization 'cifar'; expected one of none, mnist, fashion"),
        ({"seed": -1}, "seed = -1; expected a whole number of at least 0"),
    ],
)
def test_settings_out_of_range(options, message):
    with pytest.raises(UltralifError, match=message):
        Encoder(**{"kind": "rate", "timesteps": 2} | options)


@pytest.mark.parametrize("kind", ["rate", "constant"])
@pytest.mark.parametrize("bad", [-0.25, 1.5, 255.0])
def test_float_images_outside_the_unit_range(kind, bad):
    x = np.full((2, 3), 0.5)
    x[1, 1] = bad
    with pytest.raises(UltralifError, match=r"run from .*; expected \[0, 1\] \(store bytes"):
        Encoder(kind, 2).encode(x)


@pytest.mark.parametrize(
    ("shape", "inputs", "kinds"),
    [
        ((9, 28, 28), 784, ("rate",)),
        ((9, 784), 784, ("rate",)),
        ((9, 20, 40), 40, ("events",)),
        ((9, 20, 2, 34, 34), 2312, ("events",)),
        ((9, 20, 40), 800, ("rate",)),
        ((9, 784), 100, ()),
        ((9, 20, 40), 20, ()),
        # One frame of events has as many values as an image.
        ((9, 1, 2, 34, 34), 2312, ("events", "rate")),
        ((9, 1, 2, 1156), 2312, ("events", "rate")),
        ((9, 1, 700), 700, ("events", "rate")),
        ((9, 1, 28, 28), 784, ("rate", "events")),
    ],
)
def test_what_the_shape_says(shape, inputs, kinds):
    assert fitting_encodings(np.zeros(shape, np.uint8), inputs) == kinds


@pytest.mark.parametrize(
    ("shape", "inputs", "lacks"),
    [
        ((9, 2, 34, 34), 2312, True),
        ((9, 34, 34, 2), 2312, True),
        ((9, 2, 700), 1400, True),
        ((9, 2, 34, 34), 1156, False),  # two frames of one channel
        ((9, 2, 2, 34, 34), 2312, False),
        ((9, 1, 34, 34), 1156, False),
        ((9, 1, 34, 2), 68, False),  # one frame
        ((9, 3, 32, 32), 3072, False),
        ((9, 2), 2, False),
    ],
)
def test_samples_that_lack_frames(shape, inputs, lacks):
    assert lacks_frames(np.zeros(shape, np.uint8), inputs) is lacks


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int64, np.float32, np.float64, bool])
@pytest.mark.parametrize("shape", [(9, 2, 4, 4), (9, 4, 4, 2), (9, 2, 16)])
def test_whole_counts_of_two_polarities_are_events_at_one_timestep(dtype, shape):
    x = np.random.default_rng(0).integers(0, 3, shape).astype(dtype)
    assert fitting_encodings(x, 32, 1) == ("events", "rate")
    assert fitting_encodings(x, 32) == ("events", "rate")
    assert fitting_encodings(x, 32, 2) == ("rate", "events")


@pytest.mark.parametrize("bad", [0.5, -1.0])
def test_two_channels_that_are_no_counts_are_images(bad):
    x = np.ones((BLOCK + 1, 2, 2, 2), np.float32)
    x[-1, 1, 1, 1] = bad
    assert fitting_encodings(x, 8, 1) == ("rate", "events")


def test_settings_as_plain_values():
    assert Encoder("rate", 3, 0.25, "mnist", 9).as_dict() == {
        "kind": "rate",
        "timesteps": 3,
        "gain": 0.25,
        "normalize": "mnist",
        "seed": 9,
    }
