"""Signatures of minisign: whose they are, and of what."""

import shutil
from pathlib import Path

import pytest
from minisign import KeyPair

from support.commands import DEMO, refused, ultralif
from ultralif_deploy.errors import CheckFailed, UltralifError
from ultralif_deploy.io.signatures import check_signature

OWNER = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"
BY_OWNER = (
    "untrusted comment: signature from minisign secret key\n"
    "RWQf6LRCGA9i59SLOFxz6NxvASXDJeRtuZykwQepbDEGt87ig1BNpWaVWuNrm73YiIiJbq71Wi+dP9eKL8OC351vwIasSS"
    "bXxwA=\ntrusted comment: timestamp:1555779966\tfile:test\n"
    "QtKMXWyYcwdpZAlPF7tE2ENJkRd1ujvKjlj1m9RtHTBnZPa5WKU5uWRs5GoP5M/VqE81QFuMKI5k/SfNQUaOAA==\n"
)
"""A signature of the four bytes `test` that the program minisign made, and its public key."""


@pytest.fixture
def signed(tmp_path: Path) -> Path:
    (tmp_path / "file").write_bytes(b"test")
    (tmp_path / "file.minisig").write_text(BY_OWNER, "utf-8")
    return tmp_path / "file"


def test_a_signature_of_minisign_itself(signed: Path) -> None:
    assert check_signature(signed, OWNER) == "timestamp:1555779966�file:test"
    key = signed.with_name("minisign.pub")
    key.write_text(f"untrusted comment: minisign public key\n{OWNER}\n", "utf-8")
    assert check_signature(signed, str(key)) == "timestamp:1555779966�file:test"


def test_other_contents_comments_and_keys_do_not_hold(signed: Path) -> None:
    other = KeyPair.generate().public_key.to_base64().decode()
    with pytest.raises(CheckFailed, match=r"file: its signature does not hold for the key RW"):
        check_signature(signed, other)
    signed.with_name("file.minisig").write_text(BY_OWNER.replace("file:test", "file:tesT"), "utf-8")
    with pytest.raises(CheckFailed, match="signature verification failed"):
        check_signature(signed, OWNER)
    signed.with_name("file.minisig").write_text(BY_OWNER, "utf-8")
    signed.write_bytes(b"tesT")
    with pytest.raises(CheckFailed, match="signature verification failed"):
        check_signature(signed, OWNER)


@pytest.mark.parametrize(
    ("key", "signature", "message"),
    [
        (OWNER, None, "file: not signed, there is no file.minisig; minisign -S -m file signs it"),
        (OWNER, "none", "file.minisig: not a signature of minisign ("),
        (OWNER, "x" * 20_000, "file.minisig: more than 10,000 bytes; expected a few lines"),
        ("RW" + 54 * "*", BY_OWNER, "--signed-by RW************…***************: not a public key"),
        ("minisign.pub", BY_OWNER, "minisign.pub: no such file"),
    ],
)
def test_what_cannot_be_read(signed: Path, key: str, signature: str | None, message: str) -> None:
    beside = signed.with_name("file.minisig")
    beside.unlink()
    if signature is not None:
        beside.write_text(signature, "utf-8")
    with pytest.raises(UltralifError) as error:
        check_signature(signed, key)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_signed_certificate(tmp_path: Path) -> None:
    out, pair = tmp_path / "out", KeyPair.generate()
    run = ("verify", DEMO, "--data", "digits", "--limit", 20, "--certify", 2, "--on", "fast")
    assert ultralif(*run, "-o", out).code == 0
    certificate = out / "certificate.json"
    check = ("verify", "--certificate", certificate)
    key = pair.public_key.to_base64().decode()
    assert "not signed" in refused(*check, "--signed-by", key)
    signature = pair.secret_key.sign(certificate.read_bytes(), trusted_comment="release 1")
    (out / "certificate.json.minisig").write_bytes(bytes(signature))
    unchecked = ultralif(*check, "--json").json()
    assert unchecked["signed_by"] is None
    assert "--signed-by KEY" in unchecked["not_covered"]["certificate.json.minisig"]
    checked = ultralif(*check, "--signed-by", key, "--json").json()
    assert (checked["signed_by"], checked["signature_comment"]) == (key, "release 1")
    assert "certificate.json.minisig" not in checked["not_covered"]
    assert f"Signed by {key}: release 1" in ultralif(*check, "--signed-by", key).out
    shutil.copy(certificate, tmp_path)
    certificate.write_text(certificate.read_text("utf-8") + "\n", "utf-8")
    assert ultralif(*check, "--signed-by", key).code == 1
    assert ultralif(*check).code == 0  # the claims themselves are the same
    misused = ultralif(*run, "--signed-by", key, "-o", out)
    assert misused.code == 2
    assert "--signed-by: it is for --certificate FILE" in misused.err
