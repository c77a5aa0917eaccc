"""How many small changes of the code do its tests notice? Changes that survive are not tested.

    python examples/mutation_score.py --sample 40 --workers 2 -o results/mutation
    python examples/mutation_score.py --modules ultralif_deploy/program/fixed.py -o results/mutation

Cosmic Ray makes the changes: other comparisons and arithmetic, constants ±1, `and` for `or`,
negated conditions, and here also removed statements. In templates and in Verilog, comparisons,
operators and constants are changed in the text; a text that does not compile counts as noticed.
Each change runs in a process of its own, in a copy of the repository, against the tests named in
MODULES or those of its room, until the first test fails. At each place one change of each kind is
drawn. A result is kept as soon as it is there, so that a run goes on where it was stopped; a change
of the code or of the tests begins anew. A whole run takes days.
"""

import argparse
import difflib
import functools
import hashlib
import multiprocessing
import os
import random
import re
import shutil
import sys
import tempfile
import time
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cosmic_ray.plugins
import parso
from cosmic_ray.commands import init
from cosmic_ray.mutating import mutate_and_test
from cosmic_ray.operators.operator import Example, Operator
from cosmic_ray.testing import run_tests
from cosmic_ray.util import restore_contents
from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import (
    MutationSpec,
    TestOutcome,
    WorkerOutcome,
    WorkItem,
    WorkResult,
)

ROOT = Path(__file__).parents[1]
SIMULATORS = "tests/simulators/test_simulators.py tests/simulators/test_graded.py"
SPECIFICATION = "tests/program/test_program_spec.py tests/program/test_second_order.py"
EXITS = "tests/exporters/c/test_c_exits.py tests/exporters/c/test_c_prediction.py"
FIRMWARE = "tests/exporters/c/test_c_cores.py tests/exporters/c/test_c_firmware.py"
C = f"tests/exporters/c/test_c.py {EXITS} {FIRMWARE} -k 'not planted'"
LAVA = "tests/exporters/test_lava.py"
VERILOG = "tests/exporters/test_verilog.py -k 'not planted and not verilator'"
MODULES = {
    "ultralif_deploy/program/fixed.py": "tests/program",
    "ultralif_deploy/quantization/*.py": "tests/quantization",
    "ultralif_deploy/passes/*.py": "tests/passes",
    "simulators/reference/*.py": f"{SPECIFICATION} {SIMULATORS}",
    "simulators/fast/events.py": "tests/simulators/test_loihi.py",
    "simulators/fast/second_order.py": "tests/program/test_second_order.py",
    "simulators/fast/whole/*.py": "tests/simulators/test_whole.py",
    "simulators/fast/*.py": f"{SIMULATORS}::test_fast_is_equal_to_the_reference",
    "ultralif_deploy/chips/placement.py": "tests/chips",
    "ultralif_deploy/energy/counts.py": "tests/energy",
    "exporters/c/*.py": C,
    "exporters/c/templates/*.j2": C,
    "exporters/lava/*.py": LAVA,
    "exporters/lava/runtime/*.py": LAVA,
    "exporters/lava/runtime/neurons/*.py": LAVA,
    "exporters/verilog/*.py": VERILOG,
    "exporters/verilog/templates/*.v.j2": f"tests/steps/hardware/test_deploying.py {VERILOG}",
    "exporters/verilog/sources/*.v": VERILOG,
}
"""Patterns of modules, with the tests that are to notice a change."""

TEXT = "ReplaceToken"
KINDS = re.compile(
    r"Replace(?:Comparison|Binary)Operator|Replace(?:And|Or)With"
    rf"|NumberReplacer|AddNot|RemoveStatement|{TEXT}"
)
SILENT = re.compile(
    r"{#.*?#}|/\*.*?\*/|//[^\n]*|#include[^\n]*|\"[^\"\n]*\""
    r"|\[[^][\n]*:[^][\n]*\]|parameter \w+ = \d+",
    re.DOTALL,
)
"""What is not changed in a template: comments, strings, included files, and in Verilog ranges of
bits and the defaults of parameters, which every instance sets."""

ASSIGNMENT = re.compile(r"(?:[;:)]|\b(?:begin|else|end))\s+[\w\[\]]+\s+<=")
"""Verilog's assignment at the clock, which looks like a comparison."""

TOKENS = re.compile(
    r"(?<= )(?:[<>]=?|[=!]=|[-+]=?|<<|>>|&&|\|\||\*|and|or)(?= )"
    r"|(?<![\w.'])(?:1'b[01]|\d+)(?![\w.'])"
)
OTHERS = {
    "<": ("<=", ">"),
    "<=": ("<", ">"),
    ">": (">=", "<"),
    ">=": (">", "<"),
    "==": ("!=",),
    "!=": ("==",),
    "+": ("-",),
    "-": ("+",),
    "+=": ("-=",),
    "-=": ("+=",),
    "*": ("+",),
    "<<": (">>",),
    ">>": ("<<",),
    "&&": ("||",),
    "||": ("&&",),
    "and": ("or",),
    "or": ("and",),
    "1'b0": ("1'b1",),
    "1'b1": ("1'b0",),
}
"""What takes the place of a token in a template; a number has its two neighbours."""

LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "results", "build", "dist")


class RemoveStatement(Operator):
    """Puts `pass` in the place of an assignment or a call."""

    def mutation_positions(self, node: Any) -> Iterable[tuple[tuple[int, int], tuple[int, int]]]:
        """Where the node stands, if it can be removed."""
        alone = node.parent is not None and node.parent.type == "simple_stmt"
        if alone and node.type in ("expr_stmt", "atom_expr") and node.parent.parent.type == "suite":
            yield node.start_pos, node.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        """The statement that does nothing."""
        del index
        return parso.python.tree.Name("pass", node.start_pos, node.get_first_leaf().prefix)

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        """A statement and what takes its place."""
        return (Example("if a:\n    b = 1\n", "if a:\n    pass\n"),)


cosmic_ray.plugins.OPERATOR_PROVIDERS["ultralif"] = {"RemoveStatement": RemoveStatement}


def text_changes(module: Path, text: str) -> Iterable[WorkItem]:
    """All changes of a text that is not Python."""
    seen = text
    for silent in (SILENT, ASSIGNMENT) if ".v" in module.suffixes else (SILENT,):
        seen = silent.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), seen)
    for row, line in enumerate(seen.split("\n"), 1):
        for found in TOKENS.finditer(line):
            token = found[0]
            new = OTHERS[token] if token in OTHERS else (str(int(token) + 1), str(int(token) - 1))
            place = (row, found.start()), (row, found.end())
            for number, other in enumerate(new):
                change = MutationSpec(module, TEXT, number, *place, operator_args={"new": other})
                yield WorkItem.single(uuid.uuid4().hex, change)


def change_text(change: MutationSpec) -> str:
    """Change a file in one place; the difference."""
    before = change.module_path.read_text("utf-8").split("\n")
    after = before.copy()
    (row, start), (_, end) = change.start_pos, change.end_pos
    line = before[row - 1]
    after[row - 1] = line[:start] + change.operator_args["new"] + line[end:]
    change.module_path.write_text("\n".join(after), "utf-8")
    return "\n".join(difflib.unified_diff(before, after))


def copied(root: Path, folder: Path) -> Path:
    """A copy of the repository from which Python imports the package.

    The package has links to the outer folders. They stay links, so that a change there is imported.
    """
    return shutil.copytree(root, folder / "tree", symlinks=True, ignore=LEFT_OUT)


def enter(root: Path, scratch: str) -> None:
    """Make a process work in a copy of its own."""
    tree = copied(root, Path(tempfile.mkdtemp(dir=scratch)))
    os.chdir(tree)
    os.environ["PYTHONPATH"] = str(tree)
    os.environ["NUMBA_CACHE_DIR"] = str(tree / "kernels")
    os.environ["ULTRALIF_NO_SHRINKING"] = "1"
    os.environ.setdefault("ULTRALIF_SHARED", str(root.parent / "shared"))


def judged(task: tuple[WorkItem, str, float]) -> tuple[str, WorkResult]:
    """Whether the tests notice a mutant."""
    item, command, limit = task
    (mutation,) = item.mutations
    if mutation.operator_name != TEXT:
        return item.job_id, mutate_and_test(item.mutations, command, limit)
    with restore_contents(mutation.module_path):
        diff = change_text(mutation)
        outcome, output = run_tests(command, limit)
    return item.job_id, WorkResult(WorkerOutcome.NORMAL, output, outcome, diff)


def tests_of(module: Path) -> str:
    """The command that tests a module: with the tests named for it, or with those of its room."""
    room = module.parts[1] if module.parts[0] == "ultralif_deploy" else module.parts[0]
    named = (tests for pattern, tests in MODULES.items() if module.match(pattern))
    chosen = next(named, f"tests/{room}")
    return f"{sys.executable} -m pytest -q -x -p no:cacheprovider {chosen}"


def sampled(items: Iterable[WorkItem], count: int | None, seed: int) -> list[WorkItem]:
    """One mutant of each place and kind, at most `count` of them."""
    places: dict[tuple[Any, ...], list[WorkItem]] = {}
    for item in sorted(
        items, key=lambda i: (i.mutations[0].operator_name, i.mutations[0].occurrence)
    ):
        (mutation,) = item.mutations
        if kind := KINDS.search(mutation.operator_name):
            places.setdefault((kind[0], mutation.start_pos, mutation.end_pos), []).append(item)
    rng = random.Random(seed)
    chosen = [rng.choice(mutants) for _, mutants in sorted(places.items())]
    return chosen if count is None else rng.sample(chosen, min(count, len(chosen)))


def session(root: Path, modules: list[Path], folder: Path) -> Path:
    """The file of the results for code and tests as they are."""
    digest = hashlib.sha256(repr(modules).encode())
    for base in ("ultralif_deploy", "exporters", "simulators", "tests"):
        for path in sorted((root / base).rglob("*")):
            if path.suffix in (".py", ".j2", ".v"):
                digest.update(path.read_bytes())
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{digest.hexdigest()[:16]}.sqlite"


@functools.cache
def baseline(command: str) -> float:
    """Seconds that the tests take without a change; they must pass."""
    start = time.perf_counter()
    outcome, output = run_tests(command, 3600)
    if outcome is not TestOutcome.SURVIVED:
        sys.exit(f"{command} fails without any change:\n{output[-2000:]}")
    return time.perf_counter() - start


def open_tasks(
    database: WorkDB, chosen: dict[Path, list[WorkItem]]
) -> list[tuple[WorkItem, str, float]]:
    """The chosen mutants without a result, with test command and time limit."""
    judged_before = {job for job, _ in database.results}
    tasks = []
    for module, items in chosen.items():
        if left := [item for item in items if item.job_id not in judged_before]:
            command = tests_of(module)
            limit = 60 + 3 * baseline(command)
            tasks += [(item, command, limit) for item in left]
    return tasks


def run(
    database: WorkDB,
    tasks: list[tuple[WorkItem, str, float]],
    workers: int,
    root: Path,
    scratch: str,
) -> None:
    """Judge mutants in several processes and keep each result.

    Args:
        database: gets the results.
        tasks: mutants with test command and time limit.
        workers: processes.
        root: of the repository.
        scratch: folder of its copies.
    """
    context = multiprocessing.get_context("spawn")
    with context.Pool(workers, initializer=enter, initargs=(root, scratch)) as pool:
        for done, (job, result) in enumerate(pool.imap_unordered(judged, tasks), 1):
            database.set_result(job, result)
            print(f"{done} of {len(tasks)}", file=sys.stderr)


def report(module: Path, results: list[tuple[WorkItem, WorkResult]]) -> None:
    """Print a module's score and its survivors."""
    survivors = [(i, r) for i, r in results if r.test_outcome is TestOutcome.SURVIVED]
    broken = [r for _, r in results if r.test_outcome is TestOutcome.INCOMPETENT]
    for result in broken:
        print(f"{module}: could not be run: {(result.output or '').strip()[-300:]}")
    count = len(results) - len(broken)
    score = f"{(count - len(survivors)) / count:.0%}" if count else "–"
    print(f"{module}: {count - len(survivors)} of {count} noticed, {score}")
    for item, result in sorted(survivors, key=lambda pair: pair[0].mutations[0].start_pos):
        lines = (result.diff or "").splitlines()
        changed = [line for line in lines if re.match(r"[-+](?![-+])", line)]
        print(f"  survives: {module}:{item.mutations[0].start_pos[0]}")
        print("\n".join(f"    {line[0]} {line[1:].strip()}" for line in changed))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--modules", nargs="+", default=tuple(MODULES), help="paths or patterns, from ROOT"
    )
    parser.add_argument("--sample", type=int, help="mutants of a module; all places by default")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--root", type=Path, default=ROOT, help="repository")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder of the results")
    given = parser.parse_args()
    root, output = given.root.resolve(), given.output.resolve()
    paths = sorted({path for pattern in given.modules for path in root.glob(pattern)})
    modules = [path.relative_to(root) for path in paths if path.name != "__init__.py"]
    if not modules:
        sys.exit(f"{' '.join(given.modules)}: no such module")
    file = session(root, modules, output)
    known = file.exists()
    with tempfile.TemporaryDirectory() as scratch, use_db(str(file)) as database:
        enter(root, scratch)
        if not known:
            init([module for module in modules if module.suffix == ".py"], database, {})
            for module in modules:
                if module.suffix != ".py":
                    database.add_work_items(text_changes(module, module.read_text("utf-8")))
        mutants: dict[Path, list[WorkItem]] = {module: [] for module in modules}
        for item in database.work_items:
            mutants[item.mutations[0].module_path].append(item)
        chosen = {m: sampled(items, given.sample, given.seed) for m, items in mutants.items()}
        if tasks := open_tasks(database, chosen):
            run(database, tasks, given.workers, root, scratch)
        results = dict(database.results)
        os.chdir(root)
    for module, items in chosen.items():
        report(module, [(item, results[item.job_id]) for item in items])
    outcomes = [results[item.job_id].test_outcome for items in chosen.values() for item in items]
    noticed = outcomes.count(TestOutcome.KILLED)
    print(f"together: {noticed} of {noticed + outcomes.count(TestOutcome.SURVIVED)} noticed")


if __name__ == "__main__":
    main()
