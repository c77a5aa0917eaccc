"""`ultralif firmware`: sizes and instructions on emulated cores, equal to the reference."""

import runpy
from pathlib import Path

import numpy as np
import pytest

from support.commands import refused, ultralif
from support.hardware import small_program
from support.paths import ROOT
from support.requirements import requires
from ultralif_deploy.cli.forms import compiling
from ultralif_deploy.exporters.nir.programs import write_nir
from ultralif_deploy.simulators.runners.firmware.cores import OPTIMIZATIONS
from ultralif_deploy.steps.hardware import firmware

pytestmark = requires("c-cortex-m4")


@pytest.fixture
def command(tmp_path: Path) -> tuple[object, ...]:
    write_nir(small_program(), tmp_path / "program.nir")
    frames = np.random.default_rng(0).integers(0, 2, (2, 5, 6), dtype=np.uint8)
    np.savez(tmp_path / "x.npz", x=frames)
    options = ("--data", tmp_path / "x.npz", "--encoding", "events")
    return ("firmware", tmp_path / "program.nir", *options)


def test_the_levels_of_the_option_are_those_of_the_table() -> None:
    assert compiling.OPTIMIZATIONS == OPTIMIZATIONS


def test_levels_give_other_figures(command: tuple[object, ...]) -> None:
    found = ultralif(*command, "--on", "c-cortex-m4, c-cortex-m0", "--optimize", "Os,O3", "--json")
    assert found.code == 0, found.err
    builds = found.json()["builds"]
    assert [(one["core"], one["optimization"]) for one in builds] == [
        ("c-cortex-m4", "Os"),
        ("c-cortex-m4", "O3"),
        ("c-cortex-m0", "Os"),
        ("c-cortex-m0", "O3"),
    ]
    assert builds[0]["code_bytes"] < builds[1]["code_bytes"]
    assert builds[0]["instructions"]["mean"] > builds[1]["instructions"]["mean"]
    for one in builds:
        assert one["flash_bytes"] == one["code_bytes"] + one["const_bytes"]
        assert one["instructions"]["samples"] == found.json()["samples"] == 2
        assert one["stack_bytes"] > 0
    assert "gcc" in found.json()["compilers"]["c-cortex-m4"]


def test_a_difference_is_a_failure(
    command: tuple[object, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(firmware, "first_difference", lambda *_: "2 spikes of plain differ")
    line = refused(*command, "--on", "c-cortex-m4", "--optimize", "O2", code=1)
    assert "c-cortex-m4 -O2: 2 spikes of plain differ" in line


def test_unknown_names_are_refused(command: tuple[object, ...]) -> None:
    assert "core 'c-avr'; available: c-cortex-m0, c-cortex-m4" in refused(*command, "--on", "c-avr")
    assert "optimization 'O9'; available: O3, O2, Os" in refused(*command, "--optimize", "O9")


def test_a_row_of_the_table_of_sizes(
    command: tuple[object, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    made = runpy.run_path(str(ROOT / "examples" / "c_sizes.py"))
    builds = ultralif(*command, "--on", "c-cortex-m4", "--json").json()["builds"]
    core, bits, instructions, flash, state, stack = made["row"]("c-cortex-m4", 2, builds)
    assert (core, bits, state) == ("c-cortex-m4", "2", str(builds[0]["ram_bytes"]))
    assert instructions.split(" / ")[0] == made["each"]([round(builds[0]["instructions"]["mean"])])
    assert flash.replace(" ", "") == "/".join(str(one["flash_bytes"]) for one in builds)
    assert len(stack.split(" / ")) == 3
    assert made["each"]([1234567]) == "1 234 567"
