"""One point of a sweep, deployed by a process that may run on another machine."""

from dataclasses import dataclass
from pathlib import Path

from ultralif_deploy.errors import CheckFailed, Refused, UltralifError
from ultralif_deploy.io.progress import Progress
from ultralif_deploy.sweeps.points import Deployment


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker gets.

    Attributes:
        checkpoint: absolute path of the network's file.
        output: absolute path of the point's directory.
        deployment: how it is deployed.
    """

    checkpoint: Path
    output: Path
    deployment: Deployment


def run_job(job: Job) -> str | None:
    """Deploy a point into its directory.

    A deployment that fails a check, for example `max_gap`, is finished: its report says so.

    Returns:
        None, or why the point cannot be deployed.
    """
    import torch

    from ultralif_deploy.pipeline import deploy

    # Figures must not depend on how many points run beside each other.
    torch.set_num_threads(1)
    try:
        arguments = job.deployment.arguments()
        deploy(job.checkpoint, job.output, progress=Progress(), **arguments)
    except UltralifError as error:
        if isinstance(error, Refused) or not isinstance(error, CheckFailed):
            return str(error)
    return None
