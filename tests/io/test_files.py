"""Directories that appear whole or not at all."""

from pathlib import Path

import pytest

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.io.files import (
    CHECKSUMS_FILE,
    copy_modules,
    directory_written_whole,
    sha256_file,
)


def write(directory: Path, text: str) -> None:
    with directory_written_whole(directory) as temporary:
        (temporary / "inner").mkdir()
        (temporary / "inner" / "a.txt").write_text(text, encoding="utf-8")


def test_a_written_directory_carries_checksums_and_may_be_replaced(tmp_path: Path) -> None:
    target = tmp_path / "out" / "c"
    write(target, "old")
    write(target, "new")
    line = (target / CHECKSUMS_FILE).read_text(encoding="utf-8")
    assert line == f"{sha256_file(target / 'inner' / 'a.txt')}  inner/a.txt\n"
    assert [p.name for p in target.parent.iterdir()] == ["c"]


def test_modules_are_copied_without_the_permissions_of_a_read_only_package(tmp_path: Path) -> None:
    source, target = tmp_path / "package", tmp_path / "copy"
    for file in (source / "run.py", source / "inner" / "a.py", source / "__pycache__" / "a.pyc"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("pass\n", encoding="utf-8")
        file.chmod(0o444)
    (source / "inner").chmod(0o555)
    copy_modules(source, target)
    assert sorted(p.relative_to(target).as_posix() for p in target.rglob("*")) == [
        *("inner", "inner/a.py", "run.py")
    ]
    assert all(path.stat().st_mode & 0o200 for path in target.rglob("*"))


def test_a_directory_of_the_user_is_left_alone(tmp_path: Path) -> None:
    mine = tmp_path / "c" / "thesis.c"
    mine.parent.mkdir()
    mine.write_text("int main;", encoding="utf-8")
    with pytest.raises(UltralifError, match="holds files that ultralif did not write"):
        write(tmp_path / "c", "new")
    assert mine.read_text(encoding="utf-8") == "int main;"


def test_a_failed_write_leaves_the_old_directory(tmp_path: Path) -> None:
    target = tmp_path / "c"
    write(target, "old")

    def fail() -> None:
        with directory_written_whole(target) as temporary:
            (temporary / "a.txt").write_text("half", encoding="utf-8")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert (target / "inner" / "a.txt").read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [target]
