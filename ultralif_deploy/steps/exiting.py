"""Running a program whose samples may stop before the last timestep, by a rule."""

from collections.abc import Callable
from functools import partial

from ultralif_deploy.data import Dataset
from ultralif_deploy.data.encoders import Encoder
from ultralif_deploy.energy.devices import Device
from ultralif_deploy.energy.exits import ExitCounter, ExitTimes, exits_report
from ultralif_deploy.energy.report import chips_of
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.io.progress import Progress
from ultralif_deploy.program.exits import check_sums, decided_after, smallest_changes
from ultralif_deploy.program.program import Program
from ultralif_deploy.program.trace import Trace
from ultralif_deploy.schema.exits import Exits, Rule
from ultralif_deploy.steps.simulating import run_on


def exact(program: Program) -> ExitTimes:
    """Samples stop as soon as no remaining timestep can change their prediction."""
    return partial(decided_after, smallest_changes(program))


RULES: dict[Rule, Callable[[Program], ExitTimes]] = {"exact": exact}
"""By the names that `--exit` takes."""


def run_with_exits(
    on: str,
    program: Program,
    dataset: Dataset,
    encoder: Encoder,
    rule: Rule,
    devices: list[Device],
    progress: Progress,
) -> tuple[Trace, Exits]:
    """Run all samples to the end, and count what they need up to their exits.

    Args:
        on: name of a back end.
        program: to be run; its read-out sums.
        dataset: whose test samples run.
        encoder: turns the samples into inputs.
        rule: key of `RULES`.
        devices: whose joules are stated.
        progress: shows how many samples are done.

    Raises:
        UltralifError: a rule that there is not.
        Refused: a read-out that does more than add its currents up.
    """
    if rule not in RULES:
        raise UltralifError(f"exit {rule!r}; expected one of {', '.join(RULES)}")
    check_sums(program)
    counter = ExitCounter(program, RULES[rule](program), chips_of(devices))
    trace = run_on(on, program, dataset.test, encoder, progress, counter)
    return trace, exits_report(counter, rule, devices, dataset.test.y)
