"""Check a certificate again, and show progress."""

from pathlib import Path

from ultralif_deploy.io.files import readable_file
from ultralif_deploy.io.progress import Progress, ShownProgress
from ultralif_deploy.io.signatures import check_signature, signature_of
from ultralif_deploy.schema.commands import Rechecked
from ultralif_deploy.verify.recheck import check_certificate

SIGNED = "a signature, which was not checked; --signed-by KEY checks it"


def recheck(
    certificate: str | Path, progress: Progress | None = None, signed_by: str | None = None
) -> Rechecked:
    """Run everything that a certificate claims again.

    Args:
        certificate: the file.
        progress: how long work is shown; None: on stderr, `Progress()`: not at all.
        signed_by: public key of minisign, or its file; its owner must have signed the certificate.
            None checks no signature.

    Raises:
        CheckFailed: a claim or the signature does not hold.
        UltralifError: a file cannot be read.
    """
    path = Path(certificate)
    comment = None if signed_by is None else check_signature(readable_file(path), signed_by)
    with (progress or ShownProgress()).stage("check certificate") as update:
        checked = check_certificate(
            certificate, lambda name, done, total: update(done / max(1, total), name)
        )
    not_covered, signature = dict(checked.not_covered), signature_of(path).name
    if not_covered.pop(signature, None) is not None and comment is None:
        not_covered[signature] = SIGNED
    return {
        "certificate": str(certificate),
        "holds": True,
        "samples": checked.samples,
        "not_checked": checked.not_checked,
        "not_covered": not_covered,
        "signed_by": signed_by,
        "signature_comment": comment,
    }
