"""Check a certificate again, and show progress."""

from pathlib import Path

from ultralif_deploy.io.progress import Progress, ShownProgress
from ultralif_deploy.schema.commands import Rechecked
from ultralif_deploy.verify.recheck import check_certificate


def recheck(certificate: str | Path, progress: Progress | None = None) -> Rechecked:
    """Run everything that a certificate claims again.

    Raises:
        CheckFailed: a claim does not hold.
        UltralifError: a file cannot be read.
    """
    with (progress or ShownProgress()).stage("check certificate") as update:
        checked = check_certificate(
            certificate, lambda name, done, total: update(done / max(1, total), name)
        )
    return {
        "certificate": str(certificate),
        "holds": True,
        "samples": checked.samples,
        "not_checked": checked.not_checked,
        "not_covered": checked.not_covered,
    }
