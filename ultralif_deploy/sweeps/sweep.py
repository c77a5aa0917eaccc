"""Deploys one checkpoint many times, with options that vary, and finds what is worth it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ultralif_deploy.energy.devices import load_devices
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.io.files import (
    output_directory,
    read_json,
    readable_file,
    sha256_file,
    write_json,
)
from ultralif_deploy.io.parallel.cluster import Cluster
from ultralif_deploy.io.progress import Progress, ShownProgress
from ultralif_deploy.pipeline import CERTIFIED_SAMPLES, DEVICES, deploy
from ultralif_deploy.program.weight_format import Bits
from ultralif_deploy.report.files import REPORT_FILE, write_sweep
from ultralif_deploy.schema.report import Report
from ultralif_deploy.schema.studies.sweep import Sweep, SweptPoint
from ultralif_deploy.steps.choosing import AUTO
from ultralif_deploy.steps.hardware.deploying import require_part
from ultralif_deploy.steps.quantizing import check_budget
from ultralif_deploy.steps.searching import Goal
from ultralif_deploy.sweeps.jobs import Job, run_job
from ultralif_deploy.sweeps.points import Deployment, Values, grid
from ultralif_deploy.sweeps.pools import Processes, Workers
from ultralif_deploy.sweeps.rows import deciding_device, judged, row
from ultralif_deploy.sweeps.search import Search
from ultralif_deploy.sweeps.states import COLUMNS, States
from ultralif_deploy.verify.backends import COMPARED

POINTS, BEST, PLAN_FILE = "points", "best", "plan.json"
"""Folders of all points and of the best one; what all points have in common."""

BACK_ENDS = ("reference", "fast")
"""Compared for every point, where no others are asked for."""

VERSION = 1
"""Of sweep.json."""

WITHIN = 0.5
"""Points of accuracy that the best point may lose to the most accurate one."""


def sweep(
    checkpoint: str | Path,
    output: str | Path,
    vary: Mapping[str, Sequence[Any]],
    deployment: Deployment | None = None,
    *,
    points: int | None = None,
    search: int | None = None,
    seed: int = 0,
    within: float = WITHIN,
    workers: int | None = None,
    scheduler: str | None = None,
    deploy_best: bool = False,
    progress: Progress | None = None,
) -> Sweep:
    """Deploy the points of a grid or of a search, and mark those that no other point beats.

    Every point gets a directory below `output`, as `deploy` writes it. Points that are there
    already are kept, so the same call goes on where an earlier one was stopped. What one point
    gives does not depend on the workers. Unless the settings say otherwise, points are measured on
    the last fifth of the training samples, so that the test samples choose nothing.

    Args:
        checkpoint: file of the network.
        output: directory for all points, sweep.json, sweep.csv and sweep.html.
        vary: values of every option that varies, by name, as `{"bits": ["8", "4"]}`.
        deployment: how all points are deployed otherwise.
        points: draw so many points of the grid at random; None takes all.
        search: choose so many points one round after another, by what earlier ones gave.
        seed: seed of this choice.
        within: percentage points of accuracy that the best point may lose to the most accurate.
        workers: processes on this machine; None takes one for each core.
        scheduler: address of a Dask scheduler, whose workers run the points instead.
        deploy_best: deploy the best point on the test samples too, on every back end.
        progress: progress display.

    Returns:
        The content of sweep.json.

    Raises:
        UltralifError: bad input, another sweep in the directory, or workers that keep ending.
        Missing: dask.distributed or Optuna is not installed.
    """
    checkpoint, progress = readable_file(checkpoint).absolute(), progress or ShownProgress()
    base = _based(deployment or Deployment())
    searching = _search(vary, points, search, seed)
    chosen = grid(vary, points, seed) if searching is None else searching.next({})
    _check_budget(base, vary.get("bits", (base.bits,)))
    plans = {name: base.with_values(values) for name, values in chosen.items()}
    for plan in plans.values():
        require_part(plan.part)  # before the first point, not in every one
    pool = _workers(workers, scheduler, progress)
    directory = output_directory(output).absolute()
    digest = sha256_file(checkpoint)
    _check_plan(directory, _plan(base, digest))
    made, refused = _Rows(directory, vary, checkpoint, digest, within), dict[str, str]()
    with progress.table("sweep", COLUMNS) as show:
        states = States(len(chosen) if searching is None else searching.number, show)
        while chosen:
            left = [name for name in chosen if not made.add(name, chosen[name])]
            jobs = {name: Job(checkpoint, directory / POINTS / name, plans[name]) for name in left}
            states.add(chosen, made.points)
            for name, why in pool.as_they_end(run_job, jobs, states.begun):
                if why is not None:
                    refused[name] = why
                elif not made.add(name, chosen[name]):
                    refused[name] = "it ended without a report"
                if made.report is not None:
                    made.write(refused)
                states.ended(name, made.points.get(name))
            chosen = {} if searching is None else searching.next(made.points)
            plans |= {name: base.with_values(values) for name, values in chosen.items()}
    found = made.write(refused)
    if deploy_best:
        _deploy_best(checkpoint, directory / BEST, plans, found, progress)
    return found


class _Rows:
    """The points that are finished, and the files about them."""

    def __init__(
        self,
        directory: Path,
        vary: Mapping[str, Sequence[Any]],
        checkpoint: Path,
        digest: str,
        within: float,
    ) -> None:
        self.directory, self.vary = directory, vary
        self.checkpoint, self.digest, self.within = checkpoint, digest, within
        self.chosen: dict[str, Values] = {}
        self.points: dict[str, SweptPoint] = {}
        self.report: Report | None = None

    def add(self, name: str, values: Values) -> bool:
        """Take over a point if its directory has a report.

        Args:
            name: name of the point.
            values: values of the options that vary.
        """
        self.chosen[name] = values
        where = self.directory / POINTS / name
        if not (where / REPORT_FILE).is_file():
            return False
        self.points[name], self.report = row(where, values)
        return True

    def write(self, refused: dict[str, str]) -> Sweep:
        """Write sweep.json, sweep.csv and sweep.html.

        Args:
            refused: points that cannot be deployed, and why.

        Raises:
            UltralifError: no point could be deployed.
        """
        if self.report is None:
            name, why = next(iter(refused.items()))
            raise UltralifError(f"no point can be deployed; {name}: {why}")
        data = self.report["data"]
        ordered = {name: self.points[name] for name in self.chosen if name in self.points}
        content: Sweep = {
            "version": VERSION,
            "ultralif_deploy": version("ultralif-deploy"),
            "checkpoint": self.checkpoint.name,
            "checkpoint_sha256": self.digest,
            "data": data["name"],
            "split": data["test_split"],
            "samples": data["samples"],
            "device": deciding_device(ordered),
            "within": self.within,
            "vary": {name: list(values) for name, values in self.vary.items()},
            "points": judged(ordered, self.within),
            "refused": {name: refused[name] for name in self.chosen if name in refused},
        }
        write_sweep(self.directory, content)
        return content


def _based(deployment: Deployment) -> Deployment:
    """The deployment with what a sweep takes by default, and paths that hold in other processes."""
    settings = deployment.settings
    if not isinstance(settings.data, (str, Path)):
        raise UltralifError("a sweep reads its data in every worker; expected --data with a path")
    if Path(settings.data).exists():  # not a name
        settings = replace(settings, data=str(Path(settings.data).absolute()))
    return replace(
        deployment,
        settings=replace(settings, split=settings.split or "validation"),
        back_ends=deployment.back_ends or BACK_ENDS,
        energy_devices=deployment.energy_devices or DEVICES,
    )


def _check_budget(base: Deployment, bits: Sequence[Bits]) -> None:
    """End a sweep before its first point where its budget bounds nothing.

    Args:
        base: how all points are deployed.
        bits: bits of the weights of all points.

    Raises:
        UltralifError: no such bound, or no bits are chosen.
    """
    goal = Goal.on(
        load_devices(base.energy_devices),
        base.max_gap,
        base.weight_memory,
        base.max_energy,
        base.max_cores,
    )
    check_budget(goal, AUTO if AUTO in bits else bits[0])


def _search(
    vary: Mapping[str, Sequence[Any]], points: int | None, number: int | None, seed: int
) -> Search | None:
    """What chooses the points; None where they are a grid, or points of it at random."""
    if number is None:
        return None
    if points is not None:
        raise UltralifError("points are drawn at random, a search chooses them; take one")
    return Search(vary, number, seed)


def _workers(workers: int | None, scheduler: str | None, progress: Progress) -> Workers:
    """Where the points run."""
    if scheduler is None:
        return Processes(workers)
    if workers is not None:
        raise UltralifError(
            "workers are given for this machine, a scheduler for a cluster; take one"
        )
    kept = "finished points are kept, and the same command goes on with the others"
    return Cluster(scheduler, progress, kept)


def _plan(base: Deployment, checkpoint_sha256: str) -> dict[str, str]:
    """What all points have in common, in words that can be compared."""
    data = Path(base.settings.data)
    plan = {"checkpoint": checkpoint_sha256, "tool": version("ultralif-deploy")}
    if data.is_file():
        plan["content of the data"] = sha256_file(data)
    for name, value in asdict(base).items():
        values = value if isinstance(value, dict) else {name: value}
        plan |= {key: str(one) for key, one in values.items()}
    return plan


def _check_plan(directory: Path, plan: dict[str, str]) -> None:
    """Write the plan, or compare it with the one that the finished points were made by.

    Raises:
        UltralifError: the directory has points of another plan.
    """
    path = directory / PLAN_FILE
    if not path.exists():
        write_json(path, plan)
        return
    earlier = read_json(path)
    if not isinstance(earlier, dict):
        raise UltralifError(f"{path}: not the plan of a sweep; expected another directory (-o)")
    names = dict.fromkeys((*plan, *earlier))
    other = [name for name in names if earlier.get(name) != plan.get(name)]
    if other:
        raise UltralifError(
            f"{directory}: holds points of another sweep ({other[0]}: {earlier.get(other[0])}, now "
            f"{plan.get(other[0])}); expected the same options, or another directory (-o)"
        )


def _deploy_best(
    checkpoint: Path,
    output: Path,
    plans: Mapping[str, Deployment],
    found: Sweep,
    progress: Progress,
) -> None:
    """Deploy the best point on the test samples, on every back end.

    Raises:
        UltralifError: no point is best, because none deploys.
    """
    name = next((name for name, one in found["points"].items() if one["best"]), None)
    if name is None:
        raise UltralifError("no point deploys, so there is none to take")
    plan = replace(
        plans[name],
        settings=replace(plans[name].settings, split="test"),
        certified_samples=CERTIFIED_SAMPLES,
        back_ends=COMPARED,
    )
    deploy(checkpoint, output, **plan.arguments(), progress=progress)
