"""Exported C on emulated cores: equal to the reference, read back from memory, counted."""

import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
import unicorn

from support.commands import DEMO, refused, ultralif
from support.comparisons import assert_same_trace, back_ends_agree
from support.planted.text import change_text
from support.requirements import requires
from ultralif_deploy import read_nir
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.program.graph import INPUT, Dense, Projection
from ultralif_deploy.program.neurons import Integrator, Threshold
from ultralif_deploy.program.program import (
    Input,
    Population,
    Program,
    executed_arrays,
    weights_digest,
)
from ultralif_deploy.program.weight_format import weight_format
from ultralif_deploy.simulators.reference import simulator as reference
from ultralif_deploy.simulators.runners.firmware.cores import CORES
from ultralif_deploy.simulators.runners.firmware.runner import COUNTED, OnCore
from ultralif_deploy.verify.backends import write_form

pytestmark = requires("c-cortex-m4")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded network as a program and as C."""
    directory = tmp_path_factory.mktemp("demo")
    assert ultralif("quantize", DEMO, "--data", "digits", "-o", directory).code == 0
    write_form("c", read_nir(directory / "program.nir"), directory / "c")
    return directory


def inputs_of(program: Program, samples: int) -> np.ndarray:
    rng = np.random.default_rng(3)
    shape = (program.timesteps, samples, program.input.size)
    return (rng.random(shape) < 0.3).astype(np.uint8)


@pytest.mark.parametrize("name", CORES)
def test_every_core_runs_the_digits(name: str, demo: Path) -> None:
    program = read_nir(demo / "program.nir")
    on_core = OnCore(name, program, demo / "c")
    assert "instructions" not in on_core.describe()
    inputs = inputs_of(program, 2)
    found = on_core.run(inputs, record=True)
    assert_same_trace(found, reference.load(program).run(inputs, record=True))
    assert weights_digest(on_core.executed()) == weights_digest(executed_arrays(program))
    facts = on_core.describe()
    assert facts["flash_bytes"] == facts["code_bytes"] + facts["const_bytes"]
    assert facts["instructions"]["samples"] == 2
    assert facts["instructions"]["mean"] <= facts["instructions"]["most"]


@pytest.mark.parametrize("name", ["c-cortex-m4", "c-rv32"])
def test_drawn_programs_are_equal_to_the_reference(name: str) -> None:
    def load(program: Program) -> OnCore:
        with tempfile.TemporaryDirectory() as directory:
            write_form("c", program, Path(directory) / "c")
            return OnCore(name, program, Path(directory) / "c", "O1")

    back_ends_agree(load, examples=12)


SIMD = ("8", "4", "2", "ternary")


@pytest.mark.parametrize("bits", [*SIMD, "5"])
def test_rows_that_fill_no_group_are_added_exactly(bits: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(len(bits))
    form = weight_format(bits)
    sizes = (19, 37, 30, 13)
    names = (INPUT, "a", "b", "out")
    populations = [
        Population(name, size, Threshold(rng.integers(-9, 9, size)), np.ones(size), np.ones(size))
        for name, size in zip(names[1:3], sizes[1:3], strict=True)
    ]
    out = Population("out", 13, Integrator(), np.zeros(13), np.ones(13))
    drives = [
        Projection(source, target, Dense(rng.integers(form.low, form.high + 1, (rows, columns))))
        for source, target, rows, columns in zip(names, names[1:], sizes[1:], sizes, strict=False)
    ]
    program = Program(Input(19), (*populations, out), tuple(drives), bits, 5, 1)
    write_form("c", program, tmp_path / "c")
    on_core = OnCore("c-cortex-m4", program, tmp_path / "c")
    inputs = inputs_of(program, 4)
    expected = reference.load(program).run(inputs, record=True)
    assert_same_trace(on_core.run(inputs, record=True), expected)
    fast = on_core.describe()["instructions"]["mean"]
    if bits in SIMD:
        source = tmp_path / "c" / "ultralif_program.c"
        change_text(source, "#define ULTRALIF_SIMD 1", "#define ULTRALIF_SIMD 0")
    plain = OnCore("c-cortex-m4", program, tmp_path / "c")
    assert_same_trace(plain.run(inputs, record=True), expected)
    assert (fast < plain.describe()["instructions"]["mean"]) == (bits in SIMD)


def test_instructions_are_those_that_the_core_executes(demo: Path) -> None:
    program = read_nir(demo / "program.nir")
    on_core = OnCore("c-rv32", program, demo / "c")
    executed = 0

    def step(*_: object) -> None:
        nonlocal executed
        executed += 1

    hook = on_core.machine.engine.hook_add(unicorn.UC_HOOK_CODE, step)
    inputs = inputs_of(program, 1)
    for name in ("ultralif_init", "ultralif_step"):
        on_core.machine.count(True)
        on_core.machine.instructions = executed = 0
        at = on_core.image.symbols["firmware_inputs"][0]
        on_core.machine.engine.mem_write(at, inputs[0, 0].tobytes())
        on_core.machine.call(name, on_core.image.symbols["firmware_state"][0], at)
        assert on_core.machine.instructions == executed > 0
    on_core.machine.engine.hook_del(hook)


def test_later_samples_run_without_counting(demo: Path) -> None:
    program = read_nir(demo / "program.nir")
    on_core = OnCore("c-cortex-m0", program, demo / "c")
    inputs = np.repeat(inputs_of(program, 1)[:2], COUNTED + 1, axis=1)
    logits = on_core.run(inputs).logits
    assert np.all(logits == logits[0])
    assert on_core.describe()["instructions"]["samples"] == COUNTED
    assert len(set(on_core.counted)) == 1


def test_a_changed_weight_is_seen(demo: Path, tmp_path: Path) -> None:
    shutil.copytree(demo / "c", tmp_path / "c")
    text = (tmp_path / "c" / "ultralif_program.c").read_text("utf-8")
    start = text.index("{", text.index("ultralif_w1[64][10] ULTRALIF_PLACE"))
    row = text[start : text.index("}", start)]
    changed = row.replace(row.split()[2], str(-int(row.split()[2][:-1]) - 1) + ",", 1)
    change_text(tmp_path / "c" / "ultralif_program.c", row, changed)
    program = read_nir(demo / "program.nir")
    found = OnCore("c-rv32", program, tmp_path / "c").executed()
    assert weights_digest(found) != weights_digest(executed_arrays(program))


def test_source_that_does_not_compile_is_one_error(demo: Path, tmp_path: Path) -> None:
    shutil.copytree(demo / "c", tmp_path / "c")
    (tmp_path / "c" / "ultralif_program.c").write_text("int f(void) { return y; }\n", "utf-8")
    with pytest.raises(UltralifError, match=r"c-rv32: does not compile: .*undeclared"):
        OnCore("c-rv32", read_nir(demo / "program.nir"), tmp_path / "c")


def test_a_missing_compiler_is_named(
    demo: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    options = ("--data", "digits", "--limit", 1)
    line = refused("simulate", demo / "program.nir", "--on", "c-cortex-m4", *options)
    assert "arm-none-eabi-gcc is not installed; to install it: apt-get install -y gcc-arm" in line
