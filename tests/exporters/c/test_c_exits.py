"""Exported C stops samples where its exit rule says; planted bugs are found."""

import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import strategies as st

from support.comparisons import holds
from support.planted.text import change_text
from support.requirements import requires
from support.strategies.exits import other_rules_are_refused, rule_of, two_classes
from support.strategies.programs import programs
from support.strategies.shapes import MODES, inputs_for, seeds
from ultralif_deploy.exporters.c import writer as exporter
from ultralif_deploy.program.exits import ExitRule, exact_rule
from ultralif_deploy.program.program import Program
from ultralif_deploy.simulators.reference import simulator as reference
from ultralif_deploy.simulators.runners import c as c_runner
from ultralif_deploy.simulators.runners.c import Compiled
from ultralif_deploy.verify.backends import write_form

pytestmark = requires("c")

LONG = programs(kinds=("threshold", "lif"), readouts=("integrator",), populations=1)


def compiled(program: Program, rule: ExitRule | None) -> Compiled:
    """Exported with a rule, and compiled without optimization."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "c"
        write_form("c", program, path, rule)
        return c_runner.load(program, path, "-O0")


def samples_stop_where_they_should(planted: bool = False) -> None:
    """As on the reference, and `ultralif_run_until_decided` as the self-test says."""
    inputs = np.zeros((3, 2, 2), dtype=np.uint8)
    inputs[:2, 0, 1] = inputs[:2, 1, 0] = 1  # each class leads by two, with a timestep to go
    rule = ExitRule(np.array([1, 2, 3]), np.array([[0, 2], [2, 0]]))
    found = compiled(two_classes(), rule).run_until_exit(inputs, rule)
    assert found.timesteps.tolist() == [3, 1]  # the first class wins where it draws level

    def check(data: st.DataObject) -> None:
        program = data.draw(LONG)
        inputs = data.draw(inputs_for(program, program.timesteps, len(MODES)))
        rule = rule_of(program, data.draw(seeds))
        found = compiled(program, rule).run_until_exit(inputs, rule)
        expected = reference.load(program).run_until_exit(inputs, rule)
        assert found.timesteps.tolist() == expected.timesteps.tolist()
        assert found.trace.predictions().tolist() == expected.trace.predictions().tolist()
        assert self_test(program, rule) == 0

    holds(check, st.data(), examples=30 if planted else 8, planted=planted)


def self_test(program: Program, rule: ExitRule) -> int:
    """Exit code of the self-test that is exported with a rule."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "c"
        write_form("c", program, path, rule)
        sources = (f"-I{path}", path / "ultralif_program.c", path / "selftest.c")
        c_runner.compile_c(("-O0", *sources, "-o", path / "selftest"))
        return subprocess.run([path / "selftest"], capture_output=True, check=False).returncode


def test_samples_stop_where_they_should() -> None:
    samples_stop_where_they_should()


PLANTED = {
    "ties are decided": ("(risen == logits[winner] && n < winner)", "0"),
    "ties are open": ("risen > logits[winner]", "(risen >= logits[winner] && n != winner)"),
    "one timestep fewer remains": (
        "(int64_t)ULTRALIF_EXIT_TIMESTEPS - timesteps",
        "(int64_t)ULTRALIF_EXIT_TIMESTEPS - timesteps - 1",
    ),
    "gains turned round": ("exit_gain[winner][n]", "exit_gain[n][winner]"),
    "margin of the timestep after": (
        "if (risen > ultralif_exit_margin[timesteps - 1])\n            "
        "risen = ultralif_exit_margin[timesteps - 1];",
        "if (risen > ultralif_exit_margin[timesteps % ULTRALIF_EXIT_TIMESTEPS])\n            "
        "risen = ultralif_exit_margin[timesteps % ULTRALIF_EXIT_TIMESTEPS];",
    ),
    "the run repeats its first input": ("inputs += ULTRALIF_INPUTS;\n    } while", "} while"),
}


@pytest.mark.parametrize("bug", PLANTED)
def test_planted_bugs_are_found(bug: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    templates = tmp_path / "templates"
    shutil.copytree(exporter.TEMPLATES, templates)
    change_text(templates / "ultralif_program.c.j2", *PLANTED[bug])
    monkeypatch.setattr(exporter, "TEMPLATES", templates)
    with pytest.raises(AssertionError):
        samples_stop_where_they_should(planted=True)


def test_other_rules_are_refused() -> None:
    other_rules_are_refused(compiled)
    program = two_classes()
    exact = exact_rule(program, 3)
    confident = ExitRule(np.array([1, 2, 3]), exact.gain)
    inputs = np.zeros((3, 1, 2), dtype=np.uint8)
    assert compiled(program, confident).run_until_exit(inputs, confident).timesteps == [3]
    assert compiled(program, exact).run(inputs).logits.tolist() == [[0, 0]]
