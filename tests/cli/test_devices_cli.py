"""`ultralif devices`: every shipped device, its figures and their sources."""

from support.commands import DEMO, refused, ultralif
from ultralif_deploy.energy.devices import SHIPPED, load_device


def test_all_devices_are_listed() -> None:
    found = ultralif("devices", "--json").json()["devices"]
    assert set(found) == set(SHIPPED)
    assert not found["akida"]["published"]
    assert found["cmos45"]["published"]
    text = ultralif("devices").out
    assert all(name in text for name in SHIPPED)
    assert "none published" in text


def test_one_device_shows_every_constant() -> None:
    found = ultralif("devices", "cmos45", "--json").json()["devices"]["cmos45"]
    device = load_device("cmos45")
    assert set(found["constants"]) == set(device.constants)
    assert found["constants"]["accumulate"]["value"] == device.constants["accumulate"].value
    text = " ".join(ultralif("devices", "cmos45").out.split())
    assert "0.1 pJ (0.03 to 0.1)" in text
    assert "Not covered: memory accesses" in text


def test_unknown_devices_are_refused() -> None:
    outcome = ultralif("devices", "tpu")
    assert outcome.code == 2
    assert "device 'tpu'; available: akida" in outcome.err


def test_devices_without_figures_are_refused_with_the_nearest_that_has_some() -> None:
    without = [name for name in SHIPPED if not load_device(name).has_figures]
    assert without == ["akida", "brainscales2", "loihi2", "speck"]
    for name in without:
        nearest = load_device(name).nearest
        assert nearest is not None
        assert load_device(nearest).has_figures
        line = refused("deploy", DEMO, "--data", "digits", "--energy-device", f"cmos45,{name}")
        assert line == (
            f"Error: energy device {name}: no cost of an operation is published; the nearest with "
            f"figures is {nearest}"
        )
