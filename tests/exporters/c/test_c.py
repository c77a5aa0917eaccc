"""Exported C: compiled with strict warnings, equal to the reference, of the stated size."""

import ctypes
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import strategies as st

from support.commands import DEMO, refused, ultralif
from support.comparisons import assert_same_trace, back_ends_agree, holds
from support.networks.saturated import saturated
from support.planted.text import change_text
from support.requirements import requires
from support.strategies.programs import programs
from support.strategies.second_order import SPIKING
from support.strategies.shapes import FORMATS, inputs_for
from ultralif_deploy import read_nir
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.exporters.c import writer as exporter
from ultralif_deploy.exporters.c.rows import pack, row_formats
from ultralif_deploy.program.graph import INPUT, Dense, Projection
from ultralif_deploy.program.neurons import Integrator, Threshold
from ultralif_deploy.program.program import Input, Population, Program
from ultralif_deploy.program.weight_format import weight_format
from ultralif_deploy.simulators.reference import simulator as reference
from ultralif_deploy.simulators.runners import c as c_runner
from ultralif_deploy.simulators.runners.c import Compiled, compile_c
from ultralif_deploy.verify.backends import EXPORTERS

pytestmark = requires("c")

SANITIZED = ("-O1", "-g", "-fsanitize=undefined,address", "-fno-sanitize-recover=all")
LEAKY = ("lif", "cubalif", "released", "paper")


def second_order_programs() -> st.SearchStrategy[Program]:
    return programs(kinds=SPIKING, readouts=("leaky_sum",))


def compiled(program: Program) -> Compiled:
    """Exported and compiled without optimization, which is the fastest to compile."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "c"
        EXPORTERS["c"](program, path)
        return c_runner.load(program, path, "-O0")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded network, exported."""
    directory = tmp_path_factory.mktemp("demo")
    run = ("deploy", DEMO, "--data", "digits", "--limit", 50, "--certify", 20, "--on", "c")
    assert ultralif(*run, "-o", directory).code == 0
    return directory


def self_test(directory: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    """The directory's own self-test, compiled with the flags and run."""
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "selftest"
        sources = (f"-I{directory}", directory / "ultralif_program.c", directory / "selftest.c")
        compile_c((*flags, *sources, "-o", path))
        return subprocess.run([path], capture_output=True, text=True, timeout=60)


def test_programs_are_equal_to_the_reference() -> None:
    back_ends_agree(compiled, examples=60)


def test_second_order_programs_are_equal_to_the_reference() -> None:
    back_ends_agree(compiled, drawn=second_order_programs(), examples=25)


def is_exact(program: Program, inputs: np.ndarray) -> None:
    """A compiled program is equal to the reference."""
    expected = reference.load(program).run(inputs, record=True)
    assert_same_trace(compiled(program).run(inputs, record=True), expected)


def test_membranes_saturate_at_the_largest_value() -> None:
    is_exact(saturated(), np.zeros((2, 1, 2), dtype=np.uint8))


def test_self_tests_run_clean_under_the_sanitizers() -> None:
    def check(program: Program) -> None:
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "c"
            EXPORTERS["c"](program, path)
            done = self_test(path, *SANITIZED)
        assert (done.returncode, done.stdout) == (0, "0 values differ\n"), done.stderr

    holds(check, st.one_of(programs(), second_order_programs()), examples=8)


@pytest.mark.parametrize("flags", [("-Os",), SANITIZED], ids=["small", "sanitized"])
def test_the_self_test_of_a_trained_network_passes(demo: Path, flags: tuple[str, ...]) -> None:
    assert self_test(demo / "c", *flags).stdout == "0 values differ\n"


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("ultralif_program.c", "> ultralif_p0_threshold[n]", "<= ultralif_p0_threshold[n]"),
        ("ultralif_program.c", "*current++ += *row++", "*current++ -= *row++"),
        ("selftest.c", "_spikes[SAMPLES]", None),
        ("selftest.c", "logits[SAMPLES]", None),
    ],
    ids=["comparison", "sign", "spike", "logit"],
)
def test_the_self_test_fails_on_a_change(
    demo: Path, tmp_path: Path, file: str, old: str, new: str | None
) -> None:
    """Of the code, or of the first value of an expected array."""
    shutil.copytree(demo / "c", tmp_path / "c")
    path = tmp_path / "c" / file
    if new is None:
        head, tail = path.read_text("utf-8").split(old, 1)
        tail = re.sub(r"\d+(?=,)", lambda value: str(1 - min(int(value[0]), 1)), tail, count=1)
        path.write_text(head + old + tail, "utf-8")
    else:
        change_text(path, old, new)
    done = self_test(tmp_path / "c", "-O1")
    assert done.returncode == 1
    assert int(done.stdout.split()[0]) > 0


def without_comments(directory: Path) -> str:
    text = (directory / "ultralif_program.c").read_text("utf-8")
    return re.sub(r"/\*.*?\*/", "", text, flags=re.S)


def products(directory: Path) -> list[str]:
    """Binary `*` and `/` of the source; pointers have no blank after the asterisk."""
    return re.findall(r".*[\w)\]] [*/%] [\w(].*", without_comments(directory))


@pytest.mark.parametrize("maximum", [1, 3])
def test_the_header_declares_the_functions_of_the_source(maximum: int, tmp_path: Path) -> None:
    """Sparse inputs have values of 1 alone."""
    readout = Population("out", 1, Integrator(), np.zeros(1), np.ones(1))
    projection = Projection(INPUT, "out", Dense(np.ones((1, 2))))
    EXPORTERS["c"](Program(Input(2, maximum), (readout,), (projection,), "8", 2, 1), tmp_path / "c")
    declared, defined = (
        re.findall(rf"^(?!static)\w.*\b(ultralif_\w+)\(.*\){end}$", text, re.MULTILINE)
        for text, end in (
            ((tmp_path / "c" / "ultralif_program.h").read_text("utf-8"), ";"),
            ((tmp_path / "c" / "ultralif_program.c").read_text("utf-8"), ""),
        )
    )
    assert sorted(declared) == sorted(defined)
    assert ("ultralif_step_sparse" in declared) == (maximum == 1)
    assert len(declared) == (6 if maximum == 1 else 5)


def test_only_threshold_networks_do_not_multiply(demo: Path) -> None:
    assert products(demo / "c") == []

    def check(program: Program) -> None:
        with tempfile.TemporaryDirectory() as directory:
            EXPORTERS["c"](program, Path(directory) / "c")
            assert products(Path(directory) / "c")

    holds(check, programs(kinds=("lif",)), examples=3)


@pytest.mark.skipif(not shutil.which("nm"), reason="nm is not installed")
def test_no_heap_no_floating_point_and_true_sizes(demo: Path, tmp_path: Path) -> None:
    source = demo / "c" / "ultralif_program.c"
    assert not re.search(r"\b(float|double|malloc|calloc|alloca)\b", without_comments(demo / "c"))
    compile_c(("-Os", "-c", source, "-o", tmp_path / "program.o"))
    listed = subprocess.run(["nm", "-S", tmp_path / "program.o"], capture_output=True, text=True)
    symbols = [line.split() for line in listed.stdout.splitlines()]
    assert {s[-1] for s in symbols if s[-2] == "U"} <= {"memset", "_GLOBAL_OFFSET_TABLE_"}
    assert not [s for s in symbols if s[-2] in "bBdD"], "no writable data beside the state"
    constant = sum(int(s[1], 16) for s in symbols if s[-2] in "rR")
    stated = (demo / "c" / "ultralif_program.h").read_text("utf-8")
    assert f"Constant data: {constant} bytes" in stated
    executable = c_runner.load(read_nir(demo / "program.nir"), demo / "c")
    facts = executable.describe()
    assert f"RAM: {facts['ram_bytes']} bytes" in stated
    assert facts["flash_bytes"] == facts["code_bytes"] + facts["const_bytes"]
    assert constant <= facts["const_bytes"] < constant + 256


@pytest.mark.parametrize("name", FORMATS)
def test_weights_are_packed(name: str) -> None:
    form = weight_format(name)
    rng = np.random.default_rng(0)
    rows = rng.integers(form.low, form.high, (5, 7), dtype=np.int8, endpoint=True)
    packed = pack(rows, form.stored_bits)
    assert packed.shape == (5, -(-7 * form.stored_bits // 8))
    for row, stored in zip(rows.tolist(), packed.tolist(), strict=True):
        number = sum((byte & 255) << 8 * i for i, byte in enumerate(stored))
        for i, weight in enumerate(row):
            digits = number >> i * form.stored_bits & ((1 << form.stored_bits) - 1)
            raised = weight % 256 if form.stored_bits == 8 else weight + (1 << form.stored_bits - 1)
            assert digits == raised


def test_packed_programs_take_less_flash(tmp_path: Path) -> None:
    sizes = []
    for bits in ("8", "4", "2"):
        directory = tmp_path / bits
        run = ("deploy", DEMO, "--data", "digits", "--limit", 20, "--bits", bits, "--certify", 1)
        done = ultralif(*run, "--on", "c", "--json", "-o", directory)
        sizes.append(done.json()["backends"]["c"]["facts"]["const_bytes"])
    weights = 64 * 64 + 64 * 10
    assert sizes[0] - sizes[1] == pytest.approx(weights / 2, rel=0.1)
    assert sizes[1] - sizes[2] == pytest.approx(weights / 4, rel=0.1)


def test_sparse_inputs_are_equal_to_dense_ones() -> None:
    def check(data: st.DataObject) -> None:
        program = data.draw(programs().filter(lambda p: p.input.maximum == 1))
        values = data.draw(inputs_for(program, 3, 1))[:, 0]
        library = compiled(program).library
        states = [ctypes.create_string_buffer(library.ultralif_ram_bytes()) for _ in range(2)]
        for state in states:
            library.ultralif_init(state)
        for row in values:
            indices = np.flatnonzero(row).astype(np.uint32)
            library.ultralif_step(states[0], ctypes.c_char_p(row.tobytes()))
            library.ultralif_step_sparse(
                states[1], ctypes.c_void_p(indices.ctypes.data), ctypes.c_uint32(len(indices))
            )
            assert states[0].raw == states[1].raw

    holds(check, st.data(), examples=8)


@pytest.mark.parametrize(("bias", "buffer"), [(1, "int16_t narrow"), (2, "int32_t wide")])
def test_16_bits_are_used_as_far_as_they_hold(bias: int, buffer: str, tmp_path: Path) -> None:
    hidden = Population("hidden", 1, Threshold(np.array([32767])), np.array([bias]), np.ones(1))
    out = Population("out", 1, Integrator(), np.zeros(1), np.ones(1))
    maps = (Dense(np.full((1, 258), 127)), Dense(np.ones((1, 1))))
    drives = (Projection(INPUT, "hidden", maps[0]), Projection("hidden", "out", maps[1]))
    program = Program(Input(258), (hidden, out), drives, "8", 2, 1)
    EXPORTERS["c"](program, tmp_path / "c")
    assert f"{buffer}[" in (tmp_path / "c" / "ultralif_program.h").read_text("utf-8")
    found = c_runner.load(program, tmp_path / "c").run(np.ones((2, 1, 258), dtype=np.uint8))
    assert found.logits.tolist() == [[2 * (bias - 1)]]


PLANTED: dict[str, tuple[str, str, str]] = {
    "inclusive threshold": (
        "neuron.j2",
        'spikes[n] = current[n] + {{ value("bias") }} > {{ value("threshold") }};',
        'spikes[n] = current[n] + {{ value("bias") }} >= {{ value("threshold") }};',
    ),
    "unsaturated leaky sum": (
        "neuron.j2",
        "u = clip(u, {{ p.top }});\n            spikes",
        "u = clip(u, 2147483647); spikes",
    ),
    "one spike counted": ("neuron.j2", "(u - threshold + reset - 1) / reset", "1"),
    "floor forgotten": ("neuron.j2", "{%- if p.floor %}", "{%- if false %}"),
    "units of 64": (
        "neuron.j2",
        "+ (int64_t)current[n] * {{ p.unit }}",
        "+ (int64_t)current[n] * 64",
    ),
    "unsigned packed weights": ("ultralif_program.c.j2", "rows << {{ q.excess_bits }}", "0"),
    "leak rounds down": (
        "ultralif_program.c.j2",
        "v >= 0 ? (v * (4096 - decay)) >> 12 : -((-v * (4096 - decay)) >> 12)",
        "(v * (4096 - decay)) >> 12",
    ),
    "no initial membrane": ("ultralif_program.c.j2", "_initial[n]{%", "_initial[n] * 0{%"),
    "rounding drops the half": ("ultralif_program.c.j2", "x += (int64_t)1 << (c - 1);", ""),
    "inputs as spikes": ("ultralif_program.c.j2", ', 1, sent[i]" if graded', ', 1, 1" if graded'),
    "ring turns back": (
        "neuron.j2",
        "right = v[(n + {{ p.stride }}) % size];\n        int32_t most",
        "right = v[(n + 1) % size];\n        int32_t most",
    ),
}


CONCERNED: dict[str, Callable[[Program], bool]] = {
    "floor forgotten": lambda program: any(
        getattr(p.neuron, "floor", None) is not None for p in program.populations
    ),
    "unsigned packed weights": lambda program: any(one["excess"] for one in row_formats(program)),
}
"""What a program must have for a bug to show."""


@pytest.mark.parametrize("bug", PLANTED)
def test_planted_bugs_are_found(bug: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, old, new = PLANTED[bug]
    templates = tmp_path / "templates"
    shutil.copytree(exporter.TEMPLATES, templates)
    change_text(templates / file, old, new)
    monkeypatch.setattr(exporter, "TEMPLATES", templates)
    kinds = {
        "inclusive threshold": ("threshold",),
        "unsigned packed weights": ("threshold",),
        "leak rounds down": LEAKY,
        "no initial membrane": ("tropical",),
        "ring turns back": ("released",),
    }
    drawn = second_order_programs() if "half" in bug else programs(kinds=kinds.get(bug, ("lif",)))
    # To draw takes less than to compile what has nothing of what the bug is about.
    drawn = drawn.filter(CONCERNED.get(bug, lambda program: True))
    check = partial(back_ends_agree, compiled, drawn=drawn, examples=100, planted=True)
    if bug == "unsaturated leaky sum":
        check = partial(is_exact, saturated(), np.zeros((2, 1, 2), dtype=np.uint8))
    with pytest.raises(AssertionError):
        check()


def test_a_missing_compiler_is_named(
    demo: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    line = refused("simulate", demo / "program.nir", "--on", "c", "--data", "digits", "--limit", 1)
    assert "a C compiler is not installed; to install it: apt-get install" in line
    assert not ultralif("doctor", "--json").json()["backends"]["c"]["available"]


def test_source_that_does_not_compile_is_one_error(demo: Path, tmp_path: Path) -> None:
    shutil.copytree(demo / "c", tmp_path / "c")
    (tmp_path / "c" / "ultralif_program.c").write_text("int f(void) { return y; }\n", "utf-8")
    with pytest.raises(UltralifError, match=r"c: does not compile: .*undeclared.*"):
        c_runner.load(read_nir(demo / "program.nir"), tmp_path / "c")
