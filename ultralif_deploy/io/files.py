"""Files that appear whole or not at all, and limits on what untrusted files may unpack to."""

import hashlib
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ultralif_deploy.errors import UltralifError

MAX_UNPACKED_BYTES = 4 << 30
"""What one input file may unpack to; larger is taken for an attack or a mistake."""


def readable_file(path: str | Path) -> Path:
    """Return the path when it names a regular file that can be opened.

    Raises:
        UltralifError: the file is missing, is not a regular file, or cannot be opened.
    """
    path = Path(path)
    try:
        if not path.exists():
            raise UltralifError(f"{path}: no such file")
        if not path.is_file():
            raise UltralifError(f"{path}: not a regular file")
        path.open("rb").close()
    except OSError as error:
        raise UltralifError(f"{path}: cannot be read ({error.strerror})") from error
    return path


def check_unpacked_size(path: Path, size_bytes: int) -> None:
    """Refuse a file whose declared contents exceed `MAX_UNPACKED_BYTES`."""
    if size_bytes > MAX_UNPACKED_BYTES:
        raise UltralifError(
            f"{path}: declares {size_bytes:,} bytes of contents; at most "
            f"{MAX_UNPACKED_BYTES:,} are read"
        )


def check_zip_archive(path: Path, what: str) -> None:
    """Refuse a file that is not a whole zip archive, or that unpacks to too much.

    Raises:
        UltralifError: naming the file and what it was expected to be.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            check_unpacked_size(path, sum(entry.file_size for entry in archive.infolist()))
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise UltralifError(f"{path}: not {what} (truncated or damaged: {error})") from error


def output_directory(path: str | Path) -> Path:
    """Create a directory for outputs and prove that it can be written.

    Raises:
        UltralifError: the path is a file, or nothing can be written there.
    """
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise UltralifError(f"{path}: cannot write there ({error.strerror})") from error
    return path


@contextmanager
def written_whole(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path that is renamed to `path` when the block ends without an error."""
    path = Path(path)
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        os.close(handle)
    except OSError as error:
        raise UltralifError(f"{path}: cannot write there ({error.strerror})") from error
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except OSError as error:
        raise UltralifError(f"{path}: cannot be written ({error.strerror or error})") from error
    finally:
        temporary.unlink(missing_ok=True)


CHECKSUMS_FILE = "checksums.sha256"
"""In every directory that was written whole; `sha256sum -c` reads it."""


@contextmanager
def directory_written_whole(path: str | Path) -> Iterator[Path]:
    """Yield a temporary directory that takes the place of `path` when the block ends well.

    Only a directory that was written so before, or an empty one, is replaced.

    Raises:
        UltralifError: `path` holds other files, or nothing can be written there.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        occupied = path.exists() and not (path.is_dir() and _is_ours(path))
        if occupied:
            raise UltralifError(f"{path}: holds files that ultralif did not write; move it away")
        temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part"))
    except OSError as error:
        raise UltralifError(f"{path}: cannot write there ({error.strerror})") from error
    try:
        yield temporary
        _write_checksums(temporary)
        temporary.chmod(0o777 & ~_umask())
        if path.is_dir():
            shutil.rmtree(path)
        temporary.replace(path)
    except OSError as error:
        raise UltralifError(f"{path}: cannot be written ({error.strerror or error})") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def copy_modules(source: Path, target: Path) -> None:
    """Copy every Python file below a directory, without its permissions: it may be read-only."""
    for file in source.rglob("*.py"):
        copy = target / file.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(file.read_bytes())


def remove_written_directory(path: Path) -> None:
    """Remove a directory that `directory_written_whole` wrote; any other is left alone."""
    if (path / CHECKSUMS_FILE).is_file():
        shutil.rmtree(path, ignore_errors=True)


def _is_ours(path: Path) -> bool:
    return (path / CHECKSUMS_FILE).is_file() or not any(path.iterdir())


def _write_checksums(directory: Path) -> None:
    files = sorted(file for file in directory.rglob("*") if file.is_file())
    lines = [f"{sha256_file(f)}  {f.relative_to(directory).as_posix()}\n" for f in files]
    (directory / CHECKSUMS_FILE).write_text("".join(lines), encoding="utf-8")


def write_json(path: str | Path, value: Any) -> None:
    """Write JSON with sorted keys, whole or not at all; NaN and infinity are an error."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n")


def write_text(path: str | Path, text: str) -> None:
    """Write UTF-8 text, whole or not at all."""
    with written_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def read_json(path: str | Path) -> Any:
    """Read a JSON file.

    Raises:
        UltralifError: the file is missing or is not JSON.
    """
    path = readable_file(path)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise UltralifError(f"{path}: not JSON ({error})") from error


def sha256_file(path: str | Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
