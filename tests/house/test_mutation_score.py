"""The mutation study counts a change that a test notices, and names one that none does."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

from support.paths import ROOT
from support.requirements import import_or_skip

SCRIPT = ROOT / "examples" / "mutation_score.py"


def score(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the study. The small tests here need no plugin, and most of a run would load them."""
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    env = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(command, capture_output=True, text=True, timeout=300, env=env)


def test_one_mutant_is_noticed_and_one_survives(tmp_path: Path) -> None:
    import_or_skip("cosmic_ray", "pip install cosmic-ray")
    root, results = tmp_path / "repository", tmp_path / "results"
    code, tests = root / "simulators", root / "tests" / "simulators"
    for folder in (code, tests, root / "ultralif_deploy"):
        folder.mkdir(parents=True)
    (root / "ultralif_deploy" / "simulators").symlink_to("../simulators")
    (code / "sums.py").write_text(
        "def total(a, b):\n    return a + b\n\n\ndef untested(a, b):\n    return a < b\n", "utf-8"
    )
    test = tests / "test_sums.py"
    test.write_text(
        "from ultralif_deploy.simulators.sums import total\n\n\n"
        "def test_sum():\n    assert total(3, 3) == 6\n",
        "utf-8",
    )
    arguments = ("--modules", "simulators/*.py", "--root", root, "-o", results)
    first = score(*arguments)
    module = "simulators/sums.py"
    assert first.stdout.startswith(f"{module}: 1 of 2 noticed, 50%\n  survives: {module}:6\n"), (
        first
    )
    assert "    - return a < b\n    + return a " in first.stdout
    assert "2 of 2" in first.stderr
    assert (code / "sums.py").read_text("utf-8").startswith("def total(a, b):\n    return a + b\n")

    again = score(*arguments)
    assert (again.stdout, again.stderr) == (first.stdout, "")
    test.write_text("def test_sum():\n    assert False\n", "utf-8")
    failing = score(*arguments)
    assert failing.returncode == 1
    assert "without any change" in failing.stderr


def test_statements_are_removed_where_a_suite_needs_one() -> None:
    import_or_skip("cosmic_ray", "pip install cosmic-ray")
    from cosmic_ray.mutating import mutate_code

    remove = runpy.run_path(str(SCRIPT), run_name="imported")["RemoveStatement"]
    source = 'def f(a):\n    """Doc."""\n    a += 1  # why\n    g(a)\n    return a\n\n\nB = 1\n'
    removed = [mutate_code(source, remove(), occurrence) for occurrence in range(3)]
    assert removed == [source.replace("a += 1", "pass"), source.replace("g(a)", "pass"), None]
    for example in remove.examples():
        assert mutate_code(example.pre_mutation_code, remove(), 0) == example.post_mutation_code


def test_templates_are_changed_outside_comments_ranges_and_assignments(tmp_path: Path) -> None:
    import_or_skip("cosmic_ray", "pip install cosmic-ray")
    script = runpy.run_path(str(SCRIPT), run_name="imported")
    path = tmp_path / "layer.v"
    source = (
        "// a < b\nparameter N = 3,\nwire [N-1:0] w = a <= b;\n"
        "always @(posedge clk) begin\n    if (rst) w <= 1'b0;\n    else w[n] <= w + 7;\nend\n"
    )
    changed = []
    for item in script["text_changes"](path, source):
        path.write_text(source, "utf-8")
        difference = script["change_text"](item.mutations[0])
        after = path.read_text("utf-8")
        (line,) = set(after.splitlines()) - set(source.splitlines())
        assert f"\n+{line}" in difference
        changed.append(line.strip())
    assert changed == [
        "wire [N-1:0] w = a < b;",
        "wire [N-1:0] w = a > b;",
        "if (rst) w <= 1'b1;",
        "else w[n] <= w - 7;",
        "else w[n] <= w + 8;",
        "else w[n] <= w + 6;",
    ]


def test_patterns_lead_to_modules_and_their_tests() -> None:
    import_or_skip("cosmic_ray", "pip install cosmic-ray")
    for pattern, tests in runpy.run_path(str(SCRIPT), run_name="imported")["MODULES"].items():
        assert list(ROOT.glob(pattern)), pattern
        for path in (word.partition("::")[0] for word in tests.split() if "/" in word):
            assert (ROOT / path).exists(), path
