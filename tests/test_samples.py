"""What is warned of and refused in samples before anything runs."""

import numpy as np
import pytest

from ultralif_deploy.assumptions import Assumptions
from ultralif_deploy.data import Dataset, Split
from ultralif_deploy.encode import Encoder
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.samples import (
    channels_come_last,
    check_pixels,
    warn_of_rounding,
    warn_of_saturation,
)


def dataset(x):
    return Dataset("d", None, Split(x, None))


def bytes_up_to(top, shape=(9, 4, 4)):
    x = np.random.default_rng(0).integers(0, top, shape, endpoint=True).astype(np.uint8)
    x.flat[0] = top
    return x


def kinds(assumptions):
    return [finding.kind for finding in assumptions.findings]


def test_byte_images_of_zeros_and_ones_are_refused():
    message = "d: x_test: uint8 images of 0 and 1 alone, where 255 is a full pixel; store them as"
    with pytest.raises(UltralifError, match=message):
        check_pixels(dataset(bytes_up_to(1)), Assumptions())


def test_images_that_are_as_they_should_be():
    for x in (bytes_up_to(255), bytes_up_to(0), bytes_up_to(1) > 0, bytes_up_to(255) / 255.0):
        assumptions = Assumptions()
        check_pixels(dataset(x), assumptions)
        assert kinds(assumptions) in ([], ["dark-images"] if x.max() == 0 else [])


def test_dark_images_are_warned_of():
    assumptions = Assumptions()
    check_pixels(dataset(bytes_up_to(16)), assumptions)
    (finding,) = assumptions.findings
    assert finding.kind == "dark-images"
    assert "the brightest pixel is 16, where 255 is a full one" in finding.text


def test_counts_are_no_images():
    x = bytes_up_to(255).astype(np.uint16) + 200
    with pytest.raises(UltralifError, match="as counts of events have, and images do not; give "):
        check_pixels(dataset(x), Assumptions())


def test_rounded_images_are_warned_of():
    exact, assumptions = bytes_up_to(255) / np.float32(255), Assumptions()
    warn_of_rounding(dataset(exact.astype(np.float32)), assumptions)
    warn_of_rounding(dataset(bytes_up_to(255)), assumptions)
    assert kinds(assumptions) == []
    warn_of_rounding(dataset(np.full((2, 3), 0.5 / 255, np.float32)), assumptions)
    (finding,) = assumptions.findings
    assert finding.kind == "rounded-images"
    assert "by up to 0.002 of 1" in finding.text


def test_saturated_events_are_counted():
    x = np.zeros((3, 4, 5), dtype=np.uint16)
    x[0, :2, 0] = 200
    assumptions = Assumptions()
    warn_of_saturation(Encoder("events", 4), dataset(x), assumptions)
    assert kinds(assumptions) == []
    warn_of_saturation(Encoder("events", 2), dataset(x), assumptions)
    (finding,) = assumptions.findings
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
