"""Exported C inside a firmware: beside another program, called from C++, without a C library."""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from support.commands import refused, ultralif
from support.requirements import requires
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.exporters.nir.programs import write_nir
from ultralif_deploy.io.artefacts import C_PREFIX
from ultralif_deploy.program.graph import INPUT, Conv2d, Dense, Identity, Projection
from ultralif_deploy.program.neurons import Integrator, Threshold
from ultralif_deploy.program.program import Input, Population, Program
from ultralif_deploy.simulators.reference import simulator as reference
from ultralif_deploy.simulators.runners.c import compile_c
from ultralif_deploy.verify.backends import write_form

pytestmark = requires("c")


def small_program(seed: int, classes: int = 3) -> Program:
    """Dense, convolution and identity from the input, which the sparse path must tell apart."""
    rng = np.random.default_rng(seed)
    ones = np.ones(12)
    conv = Conv2d(rng.integers(-3, 4, (1, 1, 2, 2)), (1, 3, 4), padding=(1, 1), dilation=(2, 2))
    maps = {"ultralif_hidden": Dense(rng.integers(-3, 4, (12, 12))), "b": conv, "c": Identity(12)}
    hidden = [Population(name, 12, Threshold(0 * ones), ones, ones) for name in maps]
    out = Population("out", classes, Integrator(), np.zeros(classes), np.ones(classes))
    read = [Projection(n, "out", Dense(rng.integers(-3, 4, (classes, 12)))) for n in maps]
    drives = [Projection(INPUT, name, linear) for name, linear in maps.items()]
    return Program(Input(12), (*hidden, out), (*drives, *read), "8", 4, 1)


INPUTS = (np.random.default_rng(7).random((4, 1, 12)) < 0.5).astype(np.uint8)

MAIN = """#include <cstdio>
#include "eye_program.h"
#include "ear_program.h"

static const uint8_t inputs[] = {%s};
static eye_state eye;
static ear_state ear;

int main()
{
    static_assert(EYE_INPUTS == EAR_INPUTS, "sizes of each program are macros of its own");
    eye_run(&eye, inputs, EYE_TIMESTEPS);
    ear_init(&ear);
    for (uint32_t t = 0; t < EAR_TIMESTEPS; t++) {
        uint32_t indices[EAR_INPUTS], count = 0;
        for (uint32_t i = EAR_INPUTS; i-- > 0;)
            if (inputs[t * EAR_INPUTS + i])
                indices[count++] = i;
        ear_step_sparse(&ear, indices, count);
    }
    for (int n = 0; n < EYE_CLASSES; n++)
        std::printf("%%ld ", (long)eye_logits(&eye)[n]);
    for (int n = 0; n < EAR_CLASSES; n++)
        std::printf("%%ld ", (long)ear_logits(&ear)[n]);
}
"""


def test_two_programs_run_in_one_cpp_image(tmp_path: Path) -> None:
    programs = {"eye": small_program(1), "ear": small_program(2, classes=4)}
    objects = []
    for prefix, program in programs.items():
        write_form("c", program, tmp_path / prefix, prefix=prefix)
        objects.append(tmp_path / f"{prefix}.o")
        compile_c(("-c", tmp_path / prefix / f"{prefix}_program.c", "-o", objects[-1]))
    main = tmp_path / "main.cpp"
    main.write_text(MAIN % ", ".join(map(str, INPUTS.ravel())), "utf-8")
    image = tmp_path / "image"
    flags = ("-Wall", "-Wextra", "-Werror", "-pedantic", *(f"-I{tmp_path / p}" for p in programs))
    subprocess.run(["c++", *flags, main, *objects, "-o", image], check=True)
    printed = subprocess.run([image], capture_output=True, text=True, check=True).stdout
    expected = [reference.load(p).run(INPUTS).logits[0].tolist() for p in programs.values()]
    assert [int(n) for n in printed.split()] == [*expected[0], *expected[1]]


def test_a_prefix_names_everything_but_populations(tmp_path: Path) -> None:
    program = small_program(1)
    write_form("c", program, tmp_path / "plain")
    write_form("c", program, tmp_path / "named", prefix="my_Net2")
    for plain, named in (
        ("ultralif_program.h", "my_Net2_program.h"),
        ("ultralif_program.c", "my_Net2_program.c"),
        ("selftest.c", "selftest.c"),
    ):
        text = (tmp_path / "plain" / plain).read_text("utf-8")
        kept = text.replace("ultralif_hidden", "POPULATION")
        renamed = kept.replace("ultralif_", "my_Net2_").replace("ULTRALIF_", "MY_NET2_")
        found = (tmp_path / "named" / named).read_text("utf-8")
        assert found == renamed.replace("POPULATION", "ultralif_hidden")
    sources = (f"-I{tmp_path / 'named'}", tmp_path / "named" / "my_Net2_program.c")
    image = tmp_path / "selftest"
    compile_c((*sources, tmp_path / "named" / "selftest.c", "-o", image))
    assert subprocess.run([image], capture_output=True).stdout == b"0 values differ\n"


@pytest.mark.parametrize("prefix", ["", "2nd", "a-b", "_a", "a b", "é", "a" * 41, "a\n"])
def test_what_cannot_begin_a_name_is_refused(prefix: str, tmp_path: Path) -> None:
    with pytest.raises(UltralifError, match=r"prefix .*: expected a letter"):
        write_form("c", small_program(1), tmp_path / "c", prefix=prefix)
    assert not (tmp_path / "c").exists()


def test_export_takes_the_prefix(tmp_path: Path) -> None:
    write_nir(small_program(1), tmp_path / "program.nir")
    command = ("export", tmp_path / "program.nir", "--prefix", "eye", "-o", tmp_path, "--to")
    assert ultralif(*command, "c").code == 0
    assert (tmp_path / "c" / "eye_program.h").is_file()
    assert "onnx: takes no prefix; c does" in refused(*command, "c,onnx", code=1)


def test_no_header_of_a_c_library_is_needed(tmp_path: Path) -> None:
    write_form("c", small_program(1), tmp_path)
    text = "".join(
        (tmp_path / f"{C_PREFIX}_program{end}").read_text("utf-8") for end in (".h", ".c")
    )
    # These two come with every compiler, without a library.
    assert set(re.findall(r"#include <(.*)>", text)) == {"stdint.h", "stddef.h"}
    assert "uint8_t input[" not in text


def test_macros_place_constants(tmp_path: Path) -> None:
    write_form("c", small_program(1), tmp_path)
    placed = '-DULTRALIF_PLACE=__attribute__((section(".elsewhere")))'
    source, compiled = tmp_path / "ultralif_program.c", tmp_path / "program.o"
    compile_c((placed, "-DULTRALIF_CONST=const volatile", "-c", source, "-o", compiled))
    if shutil.which("size") is None:
        pytest.skip("the tool size is not installed")
    listed = subprocess.run(["size", "-A", compiled], capture_output=True, text=True, check=True)
    sections = {line.split()[0] for line in listed.stdout.splitlines() if line.startswith(".")}
    assert ".elsewhere" in sections
    assert not any(name.startswith(".rodata") for name in sections)
