"""The prediction of exported C: the first of the largest logits, and nothing beyond them."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from support.planted.text import change_text
from support.requirements import requires
from ultralif_deploy.program.graph import INPUT, Dense, Projection
from ultralif_deploy.program.neurons import Integrator
from ultralif_deploy.program.program import Input, Population, Program
from ultralif_deploy.simulators.runners.c import compile_c
from ultralif_deploy.verify.backends import EXPORTERS

pytestmark = requires("c")

# What follows the state is larger than any of its logits.
MAIN = """
#include <stdio.h>
#include "ultralif_program.h"

static struct { struct ultralif_state state; int32_t after[16]; } all;

int main(void)
{
    static const uint8_t inputs[][ULTRALIF_INPUTS] = {{0, 0, 0}, {1, 0, 0}, {0, 1, 0}, {0, 0, 1}};
    unsigned s, n;
    for (n = 0; n < 16; n++)
        all.after[n] = 1000;
    for (s = 0; s < 4; s++) {
        ultralif_run(&all.state, inputs[s], 1);
        printf("%u ", (unsigned)ultralif_prediction(&all.state));
    }
    return 0;
}
"""


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes whose logits are all negative, and equal where no input is 1."""
    weight = np.array([[-3, 1, 1], [1, -3, 1], [-2, 2, 2]], dtype=np.int8)
    readout = Population("out", 3, Integrator(), np.full(3, -100), np.ones(3))
    projection = Projection(INPUT, "out", Dense(weight))
    program = Program(Input(3, 1), (readout,), (projection,), "8", 1, 1)
    directory = tmp_path_factory.mktemp("prediction")
    EXPORTERS["c"](program, directory / "c")
    (directory / "c" / "main.c").write_text(MAIN, "utf-8")
    return directory / "c"


def predictions(directory: Path) -> str:
    program = directory / "main"
    sources = (directory / "ultralif_program.c", directory / "main.c")
    compile_c(("-O1", *sources, "-o", program))
    return subprocess.run([program], capture_output=True, text=True, check=True).stdout


def test_the_first_of_the_largest_logits(exported: Path) -> None:
    assert predictions(exported) == "0 1 2 2 "


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("for (n = 1; n < ULTRALIF_CLASSES; n++)", "for (n = 1; n <= ULTRALIF_CLASSES; n++)"),
        ("logits[n] > logits[best]", "logits[n] >= logits[best]"),
        ("logits[n] > logits[best]", "logits[n] < logits[best]"),
    ],
)
def test_planted_bugs_are_found(exported: Path, tmp_path: Path, old: str, new: str) -> None:
    shutil.copytree(exported, tmp_path / "c")
    change_text(tmp_path / "c" / "ultralif_program.c", old, new)
    assert predictions(tmp_path / "c") != "0 1 2 2 "
