"""A program's accuracy under faults, measured level by level with repeats."""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

from ultralif_deploy.data.encoders import Encoder
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.io.files import output_directory, sha256_file
from ultralif_deploy.io.progress import Progress, ShownProgress
from ultralif_deploy.program.graph import WEIGHTED
from ultralif_deploy.program.program import Program
from ultralif_deploy.program.weight_format import Bits
from ultralif_deploy.report.files import write_stress
from ultralif_deploy.robustness.faults import Fault, InputFault, check_levels, chosen
from ultralif_deploy.robustness.weights import faulted
from ultralif_deploy.schema.studies.stress import Stress, StressedProgram, StressFault, StressLevel
from ultralif_deploy.simulators import Executable
from ultralif_deploy.sources.opening import open_program
from ultralif_deploy.sources.settings import Settings
from ultralif_deploy.steps.simulating import timesteps_of
from ultralif_deploy.verify.accuracy.intervals import accuracy_interval
from ultralif_deploy.verify.backends import load_on

VERSION = 1
"""Of stress.json."""

REPEATS = 5

POINT = 0.01
"""A percentage point of accuracy."""

Generators = Callable[[int], np.random.Generator]
"""The draws of a repeat of a fault, by number of the block of samples."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A program with labelled samples.

    Attributes:
        program: undisturbed program.
        encoder: encoder of the inputs, which are the same in every run.
        x: samples.
        y: their labels.
        timesteps: timesteps of a run.
        executable: the program, ready to run.
    """

    program: Program
    encoder: Encoder
    x: np.ndarray
    y: np.ndarray
    timesteps: int
    executable: Executable


def stress(
    program: str | Path,
    output: str | Path,
    settings: Settings,
    *,
    faults: Sequence[str] | None = None,
    levels: Sequence[float] | None = None,
    repeats: int = REPEATS,
    bits: Bits | None = None,
    progress: Progress | None = None,
) -> Stress:
    """Measure a program's accuracy under faults, and write stress.json and stress.html.

    Args:
        program: a program, or a NIR file of another tool.
        output: directory for the results.
        settings: the data set and its encoding; `seed` is that of the faults too.
        faults: keys of `robustness.faults.FAULTS`; None is all that the program can have.
        levels: levels of every fault, 0 to 1; None takes each fault's own levels.
        repeats: number of runs at every level, each with faults of its own.
        bits: same as for `simulate_program`.
        progress: progress display for long work.

    Returns:
        The content of stress.json; the same for the same seed.

    Raises:
        UltralifError: bad input, data without labels, or a fault that there is not.
    """
    given = None if levels is None else tuple(levels)
    check_levels(given)
    if repeats < 1:
        raise UltralifError(f"repeats = {repeats}; expected at least 1")
    progress = progress or ShownProgress()
    with progress.reading():
        opened = open_program(program, settings, bits)
    loaded, dataset, encoder = opened.program, opened.dataset, opened.encoder
    labels = dataset.test.y
    if labels is None:
        raise UltralifError(f"{dataset.name}: no y_test; accuracy under faults needs labels")
    steps = timesteps_of(loaded, encoder)
    loaded.check_timesteps(steps)
    wanted = chosen(None if faults is None else tuple(faults), steps)
    directory = output_directory(output)
    trial = Trial(loaded, encoder, dataset.test.x, labels, steps, load_on("fast", loaded))
    undisturbed = undisturbed_run(trial)
    right = float(undisturbed.mean())
    with progress.stage("stress") as update:
        measured = _measured(trial, wanted, given, repeats, right, update)
    content: Stress = {
        "version": VERSION,
        "ultralif_deploy": version("ultralif-deploy"),
        "program": _described(program, loaded),
        "data": {
            "name": dataset.name,
            "test_split": dataset.test_from,
            "samples": len(labels),
            "timesteps": steps,
            "encoding": encoder.kind,
            "seed": encoder.seed,
        },
        "seed": encoder.seed,
        "repeats": repeats,
        "undisturbed": {"accuracy": right, "ci95": list(accuracy_interval(undisturbed[None]))},
        "faults": measured,
        "assumed": opened.assumptions.as_dict(),
    }
    write_stress(directory, content)
    return content


def _described(path: str | Path, program: Program) -> StressedProgram:
    return {
        "file": Path(path).name,
        "sha256": sha256_file(path),
        "weight_formats": {
            p.target: program.formats[p.target].name
            for p in program.projections
            if isinstance(p.map, WEIGHTED)
        },
        "weights": sum(program.stored_weights.values()),
        "largest_input": program.input.maximum,
    }


def _measured(
    trial: Trial,
    faults: dict[str, Fault],
    levels: tuple[float, ...] | None,
    repeats: int,
    undisturbed: float,
    update: Callable[[float, str], None],
) -> dict[str, StressFault]:
    """All faults at all levels; `update` gets the share done."""
    tried = {name: sorted(set(levels or fault.levels)) for name, fault in faults.items()}
    total = sum(map(len, tried.values()))
    found: dict[str, StressFault] = {}
    done = 0
    for name, fault in faults.items():
        measured: list[StressLevel] = []
        for level in tried[name]:
            update(done / total, f"{name} {level:g}")
            measured.append(measured_level(trial, name, fault, level, repeats))
            done += 1
        found[name] = {
            "place": fault.place,
            "meaning": fault.meaning,
            "unit": fault.unit(trial.program),
            "within_a_point": _within_a_point(measured, undisturbed),
            "levels": measured,
        }
    return found


def _within_a_point(levels: list[StressLevel], undisturbed: float) -> float | None:
    """Highest level up to which no mean is lower by more than a percentage point."""
    kept = None
    for level in levels:
        accuracy = level["accuracy"]
        if accuracy is None or accuracy < undisturbed - POINT:
            break
        kept = level["level"]
    return kept


def measured_level(
    trial: Trial, name: str, fault: Fault, level: float, repeats: int
) -> StressLevel:
    """A fault at one level, with its repeats.

    A repeat draws its faults from the seed, the fault's name and the number of the repeat: not from
    the level, so that a higher level of a probability keeps the faults of a lower one.

    Args:
        trial: program and samples.
        name: name of the fault.
        fault: the fault that is applied.
        level: 0 to 1.
        repeats: number of repeats.
    """
    amount = fault.amount(level, trial.program, trial.timesteps)
    key = zlib.crc32(name.encode())
    right: list[np.ndarray] = []
    for repeat in range(repeats):

        def draws(block: int, repeat: int = repeat) -> np.random.Generator:
            return np.random.default_rng([trial.encoder.seed, key, repeat, block])

        correct = faulty_run(trial, fault, amount, draws)
        if correct is not None:
            right.append(correct)
    shares = [float(correct.mean()) for correct in right]
    return {
        "level": float(level),
        "amount": float(amount),
        "accuracies": shares,
        "accuracy": float(np.mean(shares)) if shares else None,
        "spread": float(np.std(shares, ddof=1)) if len(shares) > 1 else None,
        "ci95": list(accuracy_interval(np.stack(right))) if right else None,
        "refused": repeats - len(right),
    }


def undisturbed_run(trial: Trial) -> np.ndarray:
    """Which samples the program without faults gets right, bool [sample]."""
    return _right(trial, trial.executable, lambda block, values: values)


def faulty_run(trial: Trial, fault: Fault, amount: float, draws: Generators) -> np.ndarray | None:
    """Which samples a disturbed program gets right, bool [sample]; None where it is refused.

    Args:
        trial: program and samples.
        fault: the fault that is applied.
        amount: amount of the fault, in its unit.
        draws: random generators that draw the faults.
    """
    if isinstance(fault, InputFault):
        disturb, maximum = fault.disturb, trial.program.input.maximum
        return _right(
            trial,
            trial.executable,
            lambda block, values: disturb(values, amount, maximum, draws(block)),
        )
    try:
        program = faulted(trial.program, fault.rule, amount, draws(0))
        program.check_timesteps(trial.timesteps)
    except UltralifError:
        return None  # a bound that no longer holds, the only thing that faulty weights break
    return _right(trial, load_on("fast", program), lambda block, values: values)


def _right(
    trial: Trial, executable: Executable, disturbed: Callable[[int, np.ndarray], np.ndarray]
) -> np.ndarray:
    """Which samples are right, bool [sample], on inputs that are disturbed block by block."""
    predicted = []
    for block, (_, values) in enumerate(trial.encoder.blocks(trial.x)):
        inputs = disturbed(block, values[: trial.timesteps])
        predicted.append(executable.run(inputs).predictions())
    right: np.ndarray = np.concatenate(predicted) == trial.y
    return right
