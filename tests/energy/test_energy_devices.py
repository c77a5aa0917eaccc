"""Devices are data: what is shipped, a user's own, and bad files."""

from pathlib import Path

import pytest

from support.networks.energy_programs import PJ, counted, program
from ultralif_deploy.energy.devices import SHIPPED, Device, load_device
from ultralif_deploy.energy.estimate import estimate
from ultralif_deploy.energy.models import ENERGY_MODELS
from ultralif_deploy.errors import UltralifError


def test_every_shipped_constant_has_a_source() -> None:
    for name in SHIPPED:
        device = load_device(name)
        assert device.constants
        for constant in device.constants.values():
            assert constant.covers
            assert constant.source
            assert constant.node
            assert constant.mark in ("V", "S", "none")
            assert (constant.value is None) == (constant.mark == "none")


def test_every_model_has_a_device_and_uses_only_its_constants() -> None:
    used = {load_device(name).model for name in SHIPPED}
    assert used == set(ENERGY_MODELS)
    for model in ENERGY_MODELS.values():
        rows = model.rows(counted(program()))
        assert {row.constant for row in rows} <= set(model.constants)
        assert model.rows.__doc__


DEVICE = """description = "mine"
model = "synaptic"
badge = "estimated"
node = "7 nm"
not_covered = "the rest"
[constants.synaptic_operation]
value = 2.0
low = 1.0
high = 4.0
unit = "pJ"
covers = "x"
source = "measured"
mark = "V"
"""


def test_a_device_of_the_users_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(DEVICE, encoding="utf-8")
    mine: Device = load_device(str(path))
    assert (mine.name, mine.constants["synaptic_operation"].node) == ("mine", "7 nm")
    found = estimate(counted(program()), mine)
    assert (found.total_j, found.low_j, found.high_j) == pytest.approx(
        (22 * PJ, 11 * PJ, 44 * PJ), rel=1e-12
    )


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (DEVICE, "{", "not a device description"),
        (DEVICE, 'description = "x"', "no entry 'model'"),
        ('"synaptic"', '"loihi"', "chip None; the model loihi counts on 'loihi1'"),
        ('"synaptic"', '"sana-fe"\nchip = "x"', "chip 'x'; the model sana-fe counts on 'loihi1'"),
        ('"synaptic"', '"synapses"', "model 'synapses'; expected one of operations, synaptic"),
        ('"estimated"', '"sure"', "badge 'sure'; expected one of published, fitted, estimated"),
        ("constants.synaptic_operation", "constants.synop", "constant of the model synaptic 'syn"),
        ("value = 2.0", "value = nan", "value nan; expected a number of at least 0"),
        ("value = 2.0", "value = -2.0", "value -2.0; expected a number of at least 0"),
        ("value = 2.0", f"value = {10**400}", "0; expected a number of at least 0, below 1e+12"),
        ("value = 2.0", "value = 1e308", "value 1e+308; expected a number of at least 0, below"),
        ('mark = "V"', 'mark = "V"\naccess_bits = 0', "access_bits 0; expected a whole number, 1"),
        ('mark = "V"', f'mark = "V"\naccess_bits = {10**400}', "expected a whole number, 1 to"),
        ("value = 2.0", "value = true", "value True; expected a number or 'unknown'"),
        ("value = 2.0", "value = 5.0", "value 5.0 outside its range 1.0 to 4.0"),
        ('"pJ"', '"nJ"', "unit 'nJ'; expected one of pJ, pJ/bit, W"),
        ('"the rest"', "3", "3; expected text"),
        ('"7 nm"', '"7 nm"\nchip = "loihi9"', "chip 'loihi9'; expected one of loihi1"),
        ('mark = "V"', 'mark = "V"\naccess_bits = 1.5', "access_bits 1.5; expected a whole number"),
        ("[constants.synaptic_operation]", "[constants]", "not a device description"),
    ],
)
def test_bad_device_files(tmp_path: Path, old: str, new: str, expected: str) -> None:
    path = tmp_path / "d.toml"
    assert old in DEVICE
    path.write_text(DEVICE.replace(old, new), encoding="utf-8")
    with pytest.raises(UltralifError) as caught:
        load_device(str(path))
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_unknown_device() -> None:
    with pytest.raises(UltralifError, match="device 'loihi3'; available: akida, "):
        load_device("loihi3")


def test_files_that_are_too_large_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "d.toml"
    with path.open("wb") as file:
        file.truncate((1 << 20) + 1)
    with pytest.raises(UltralifError, match="1,048,577 bytes; at most 1,048,576 are read"):
        load_device(str(path))
