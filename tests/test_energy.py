"""Counts by hand, joules from constants, devices as data."""

from pathlib import Path

import numpy as np
import pytest

from ultralif_deploy.backends import load_on
from ultralif_deploy.energy.devices import SHIPPED, load_device
from ultralif_deploy.energy.models import device_energy, energy_report, paper_proxy_j
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.graph import INPUT, Dense, Projection
from ultralif_deploy.program import Input, Integrator, Population, Program, Threshold
from ultralif_deploy.simulators import EventCounts


def program(maximum: int = 1) -> Program:
    """Two inputs, two threshold units, one read-out; one weight is zero."""
    zero, one = np.zeros(2), np.ones(2)
    return Program(
        Input(2, maximum),
        (
            Population("h", 2, Threshold(np.array([2, 0])), zero, one),
            Population("out", 1, Integrator(), zero[:1], one[:1]),
        ),
        (
            Projection(INPUT, "h", Dense(np.array([[3, 0], [1, 1]], dtype=np.int8))),
            Projection("h", "out", Dense(np.array([[5, -4]], dtype=np.int8))),
        ),
        "8",
        3,
        3,
    )


INPUTS = np.array([[[1, 0]], [[0, 1]], [[1, 1]]], dtype=np.uint8)


def counts(maximum: int = 1) -> EventCounts:
    return load_on("reference", program(maximum)).run(INPUTS).counts


def test_counts_by_hand() -> None:
    # Input 0 reaches both neurons, input 1 only the second: fan-outs 2 and 1, two spikes each.
    # h fires (1, 1), (0, 1), (1, 1): 5 spikes with one synapse each.
    found = counts().as_dict()
    assert found["synaptic_operations"] == {"input->h": 6, "h->out": 5}
    assert found["spikes"] == {"input": 4, "h": 5}
    assert found["multiply_accumulates"] == 0


def test_graded_inputs_count_as_multiplications() -> None:
    assert counts(255).as_dict()["multiply_accumulates"] == 6


def test_joules_by_hand() -> None:
    energy = device_energy(program(), counts(), load_device("loihi1"))
    # 11 operations, 3 neurons · 3 timesteps, 5 spikes sent.
    assert energy.total_j == pytest.approx((11 * 23.6 + 9 * 81.0 + 5 * 1.7) * 1e-12, rel=1e-12)
    assert energy.low_j == pytest.approx((11 * 23.6 + 9 * 52.0 + 5 * 1.7) * 1e-12, rel=1e-12)
    assert energy.missing == ()


def test_what_is_not_published_is_said() -> None:
    spike = device_energy(program(), counts(), load_device("cmos45"))
    assert spike.missing == ("spike",)
    assert spike.by_cause_j["spike"] is None
    assert spike.total_j == pytest.approx((11 * 0.1 + 9 * 0.1) * 1e-12, rel=1e-12)
    graded = device_energy(program(255), counts(255), load_device("loihi1"))
    assert graded.missing == ("multiply_accumulate",)
    assert graded.total_j is None


def test_paper_proxy_by_hand() -> None:
    # T = 3, rate 5/6, 6 weights (the zero one counts there), 0.9 pJ.
    assert paper_proxy_j(program(), counts()) == pytest.approx(3 * 5 / 6 * 6 * 0.9e-12, rel=1e-12)


def test_report_adds_up() -> None:
    report = energy_report(program(), counts(), [load_device(name) for name in SHIPPED])
    assert report["synaptic_operations"] == 11
    assert report["dense_operations_per_inference"] == 3 * 6
    for device in report["devices"].values():
        parts = [part for part in device["by_cause_j"].values() if part is not None]
        assert device["total_j"] == pytest.approx(sum(parts), rel=1e-12)


def test_every_shipped_constant_has_a_source() -> None:
    assert set(SHIPPED) == {"cmos45", "loihi1"}
    for name in SHIPPED:
        for constant in load_device(name).constants.values():
            assert constant.covers
            assert constant.source
            assert (constant.value_pj is None) == (constant.mark == "none")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("description = 'x'", "no entry"),
        ("{", "not a device description"),
        ("description = 1\nnot_covered = 'n'\nconstants = 3", "not a device description"),
    ],
)
def test_bad_device_files(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "d.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UltralifError, match=expected):
        load_device(str(path))


def test_unknown_device() -> None:
    with pytest.raises(UltralifError, match="available: cmos45, loihi1"):
        load_device("loihi3")
