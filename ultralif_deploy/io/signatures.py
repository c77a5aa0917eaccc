"""Signatures of minisign beside files: who made a file.

The format is that of minisign 0.11 (F. Denis, jedisct1.github.io/minisign): Ed25519 over the file's
BLAKE2b hash, with the number of the key and a trusted comment.
"""

from pathlib import Path
from typing import Any

from ultralif_deploy.errors import CheckFailed, Missing, UltralifError
from ultralif_deploy.io.files import readable_file
from ultralif_deploy.io.printable import printable, shortened

SUFFIX = ".minisig"
KEY_LENGTH = 56
LARGEST = 10_000
"""Bytes of a public key or a signature at most."""


def signature_of(path: Path) -> Path:
    """The file with the signature of a file, as `minisign -S` names it."""
    return path.with_name(path.name + SUFFIX)


def check_signature(path: Path, key: str) -> str:
    """Check that the owner of a key signed a file.

    Args:
        path: the file; its signature lies beside it.
        key: public key, 56 characters as minisign prints them, or the path of its file.

    Returns:
        The trusted comment, which is signed too.

    Raises:
        CheckFailed: the signature is by another key, or of another content.
        Missing: py-minisign is not installed.
        UltralifError: no signature, or a key or signature that cannot be read.
    """
    try:
        import minisign
    except ImportError as error:
        install = "pip install 'ultralif-deploy[signature]'"
        raise Missing("py-minisign, which checks signatures,", install) from error
    beside = signature_of(path)
    if not beside.is_file():
        raise UltralifError(
            f"{path}: not signed, there is no {beside.name}; minisign -S -m {path.name} signs it"
        )
    owner = _public_key(key)
    try:
        signature = minisign.Signature.from_bytes(_content(beside))
    except ValueError as error:
        raise UltralifError(f"{beside}: not a signature of minisign ({error})") from error
    try:
        owner.verify(path.read_bytes(), signature)
    except minisign.VerifyError as error:
        raise CheckFailed(
            f"{path}: its signature does not hold for the key {shortened(key)} ({error})"
        ) from error
    return printable(str(signature.trusted_comment))


def _public_key(key: str) -> Any:
    """A public key by its characters, or from its file."""
    from minisign import PublicKey

    by_characters = len(key) == KEY_LENGTH and key.startswith("RW")
    try:
        return PublicKey.from_base64(key) if by_characters else PublicKey.from_bytes(_content(key))
    except ValueError as error:  # minisign's own errors are that, too
        raise UltralifError(
            f"--signed-by {shortened(key)}: not a public key of minisign ({error}); expected the "
            f"{KEY_LENGTH} characters that begin with RW, or the file minisign.pub"
        ) from error


def _content(path: str | Path) -> bytes:
    with readable_file(path).open("rb") as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise UltralifError(f"{path}: more than {LARGEST:,} bytes; expected a few lines")
    return content
