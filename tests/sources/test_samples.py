"""What is warned of and refused in samples before anything runs."""

import numpy as np
import pytest

from ultralif_deploy.data import Dataset, Split
from ultralif_deploy.data.encoders import Encoder
from ultralif_deploy.data.samples import (
    channels_come_last,
    check_pixels,
    rounded_pixels,
    saturated_counts,
    single_class,
)
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.findings.assumptions import Chosen
from ultralif_deploy.sources.inputs import settle_encoder
from ultralif_deploy.sources.settings import Settings


def dataset(x):
    return Dataset("d", None, Split(x, None))


def bytes_up_to(top, shape=(9, 4, 4)):
    x = np.random.default_rng(0).integers(0, top, shape, endpoint=True).astype(np.uint8)
    x.flat[0] = top
    return x


def kinds(findings):
    return [finding.kind for finding in findings]


def test_byte_images_of_zeros_and_ones_are_refused():
    message = (
        "d: x_test: uint8 images of 0 and 1 alone, but the brightest value is 255; store them as"
    )
    with pytest.raises(UltralifError, match=message):
        check_pixels(dataset(bytes_up_to(1)))


def test_images_that_are_as_they_should_be():
    for x in (bytes_up_to(255), bytes_up_to(0), bytes_up_to(1) > 0, bytes_up_to(255) / 255.0):
        assert kinds(check_pixels(dataset(x))) in ([], ["dark-images"] if x.max() == 0 else [])


def test_dark_images_are_warned_of():
    (finding,) = check_pixels(dataset(bytes_up_to(16)))
    assert finding.kind == "dark-images"
    assert "the brightest pixel is 16 of 255, so the images are nearly black" in finding.text


def test_counts_are_no_images():
    x = bytes_up_to(255).astype(np.uint16) + 200
    with pytest.raises(UltralifError, match="as counts of events have, and images do not; give "):
        check_pixels(dataset(x))


def test_rounded_images_are_warned_of():
    exact = bytes_up_to(255) / np.float32(255)
    assert rounded_pixels(dataset(exact.astype(np.float32))) == ()
    assert rounded_pixels(dataset(bytes_up_to(255))) == ()
    (finding,) = rounded_pixels(dataset(np.full((2, 3), 0.5 / 255, np.float32)))
    assert finding.kind == "rounded-images"
    assert "with errors up to 0.002" in finding.text


def test_saturated_events_are_counted():
    x = np.zeros((3, 4, 5), dtype=np.uint16)
    x[0, :2, 0] = 200
    assert saturated_counts(Encoder("events", 4), dataset(x)) == ()
    (finding,) = saturated_counts(Encoder("events", 2), dataset(x))
    assert finding.text.startswith("d: 1 of 30 event counts are above 255")


@pytest.mark.parametrize(
    ("shape", "last"),
    [
        ((5, 28, 28), False),
        ((5, 28, 28, 1), True),
        ((5, 32, 32, 3), True),
        ((5, 3, 32, 32), False),
        ((5, 20, 34, 34, 2), True),
        ((5, 20, 2, 34, 34), False),
        ((5, 3, 3, 3), False),
        ((5, 20, 40), False),
    ],
)
def test_channels_that_come_last(shape, last):
    assert channels_come_last(np.zeros(shape, np.uint8)) is last


# Two channels without an axis of time

COUNTS = np.random.default_rng(1).integers(0, 4, (9, 2, 4, 4)).astype(np.uint8)
"""Event counts of two polarities, without an axis of time."""

SPIKES = np.minimum(COUNTS, 1)


def settled(x, option=None, told=1, default="rate", stored=None):
    """The encoder, and the texts of what is ambiguous; T is told unless it is None."""
    timesteps = Chosen("timesteps", told or 10, "option" if told else "default")
    encoder, assumptions = settle_encoder(
        Settings(encoding=option), stored or {}, dataset(x), 32, timesteps, default
    )
    return encoder, [f for f in assumptions.findings if f.kind == "ambiguous"]


@pytest.mark.parametrize("default", ["rate", "constant", "events"])
@pytest.mark.parametrize(
    "x", [COUNTS, SPIKES, COUNTS * np.uint16(90), COUNTS.astype(np.float32)], ids=str
)
def test_counts_of_two_polarities_are_one_frame_of_events(x, default):
    encoder, ambiguous = settled(x, default=default)
    assert encoder == Encoder("events", 1, one_frame=True)
    assert ambiguous == []


@pytest.mark.parametrize("x", [SPIKES.astype(np.float32), SPIKES > 0], ids=["float", "bool"])
def test_zeros_and_ones_may_be_pixels(x):
    encoder, (finding,) = settled(x)
    assert encoder == Encoder("events", 1, one_frame=True)
    assert str(finding) == (
        "d: samples of shape (2, 4, 4) can be images of two channels, or single frames of "
        "events in two polarities; event counts at T = 1 are assumed; --encoding events confirms "
        "it, --encoding rate or constant reads images"
    )
    assert settled(x, "events") == (encoder, [])
    assert settled(x, "rate") == (Encoder("rate", 1), [])
    assert settled(x, stored={"encoding": "rate"}) == (Encoder("rate", 1), [])


def test_counts_where_no_timesteps_are_told_say_that_there_is_one():
    encoder, (finding,) = settled(COUNTS, told=None)
    assert encoder == Encoder("events", 1, one_frame=True)
    assert "event counts at T = 1 are assumed" in finding.text
    assert settled(COUNTS, "events", told=None) == (encoder, [])


@pytest.mark.parametrize("default", ["rate", "constant"])
@pytest.mark.parametrize(
    ("x", "told", "reads"),
    [
        (COUNTS * np.uint8(85), 4, "reads events"),
        (COUNTS / np.float32(3), 1, "reads events stored as whole counts"),
        (COUNTS / np.float32(3), None, "reads events stored as whole counts"),
    ],
    ids=["several timesteps", "fractions", "fractions, no timesteps told"],
)
def test_two_channels_that_are_likelier_images(x, told, reads, default):
    encoder, findings = settled(x, told=told, default=default)
    assert (encoder.kind, encoder.timesteps, encoder.one_frame) == (default, told or 10, False)
    finding = findings[0]
    assert "or single frames of events in two polarities; images are assumed" in finding.text
    assert finding.remedy == (
        f"--encoding {default} confirms it, --encoding events --timesteps 1 {reads}"
    )
    assert finding not in settled(x, default, told)[1]


def test_one_frame_for_several_timesteps_is_refused():
    with pytest.raises(UltralifError, match="timesteps = 4 for samples that are one frame of"):
        settled(COUNTS, "events", told=4)


def test_timesteps_that_do_not_divide_the_frames_are_refused():
    with pytest.raises(UltralifError, match="timesteps = 4 does not divide the 6 frames"):
        settled(np.zeros((9, 6, 2, 4, 4), np.uint8), told=4)


def test_images_and_frames_are_read_as_before():
    pixels = bytes_up_to(255, (9, 32))
    assert settled(pixels) == (Encoder("rate", 1), [])
    assert settled(COUNTS[:, None]) == (Encoder("events", 1), [])
    frames = bytes_up_to(3, (9, 2, 2, 4, 4))
    assert settled(frames, told=2) == (Encoder("events", 2), [])


def test_samples_of_one_class_are_warned_of():
    def of(*labels):
        return Dataset("d", None, Split(np.zeros((len(labels), 2), np.uint8), np.array(labels)))

    assert single_class(dataset(bytes_up_to(255))) == ()
    assert single_class(of(*9 * [3])) == single_class(of(*9 * [3], 4)) == ()
    (finding,) = single_class(of(*10 * [3]))
    assert str(finding).startswith("d: all 10 test samples are of class 3, so accuracies say")
