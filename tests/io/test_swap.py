"""Files of one folder that are replaced together, wherever a run dies or a call fails."""

import errno
import fcntl
import json
import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.io.files import (
    directory_written_whole,
    output_directory,
    together,
    write_bytes,
)
from ultralif_deploy.io.parts import PART, part, remove_stale_parts
from ultralif_deploy.io.swap import READY, refuse_unfinished

CHANGES = ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "shutil.rmtree")
KILLED = 9
NAMES = ("report.txt", "annealed.pt", "c/main.c", "seal.txt")
OLD = dict.fromkeys(NAMES, "old")
NEW = {name: "new" for name in NAMES if name != "annealed.pt"}


def results(folder: Path, run: str) -> None:
    """Files and a form; the first run has a file that the second has not."""
    with together(folder, ("annealed.pt", "report.txt"), seal="seal.txt") as made:
        write_bytes(made / "report.txt", run.encode())
        with directory_written_whole(made / "c") as form:
            (form / "main.c").write_text(run, encoding="utf-8")
        if run == "old":
            write_bytes(made / "annealed.pt", b"old")
        write_bytes(made / "seal.txt", run.encode())


def first_run(folder: Path) -> Path:
    """The results of the first run beside a file of the user."""
    results(output_directory(folder), "old")
    (folder / "mine.txt").write_text("mine", encoding="utf-8")
    return folder


def shown(folder: Path) -> dict[str, str]:
    """What a reader finds of the results; the user's file must be there."""
    assert (folder / "mine.txt").read_text(encoding="utf-8") == "mine"
    return {n: (folder / n).read_text("utf-8") for n in NAMES if (folder / n).is_file()}


def hidden(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob(".*")]


def second_run(folder: Path, number: int, act: Callable[[], None]) -> int:
    """How a run ends, in a process of its own, that acts before one of the calls that change files.

    Args:
        folder: holds the results of the first run.
        number: of the call; 0 is none.
        act: ends the process or raises an error.
    """
    calls = 0

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal calls
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & os.O_CREAT
        if writes or event in CHANGES:
            calls += 1
            if calls == number:
                act()

    child = os.fork()
    if child == 0:
        code = 70
        try:
            sys.addaudithook(hook)
            results(folder, "new")
            code = 0 if calls >= number else 1
        except UltralifError as error:
            code = error.exit_code
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def die() -> None:
    os._exit(KILLED)


def fail() -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_run_that_dies_at_any_call_never_leaves_files_of_two_runs(tmp_path: Path) -> None:
    states = []
    while True:
        folder = first_run(tmp_path / f"out{len(states)}")
        code = second_run(folder, len(states) + 1, die)
        found = shown(folder)
        assert len(set(found.values())) <= 1
        if found not in (OLD, NEW):  # some are not there, and the seal is among these
            assert "seal.txt" not in found
            with pytest.raises(UltralifError, match="a run was stopped while it put its results"):
                refuse_unfinished(folder)
        output_directory(folder)
        assert shown(folder) in (OLD, NEW)
        assert hidden(folder) == []
        if code == 1:  # there are not so many calls
            break
        assert code == KILLED
        states.append(shown(folder) == NEW)
    assert states == sorted(states)  # old, and from one call on new
    assert states.count(False) > 10
    assert states.count(True) > 5


def test_a_call_that_fails_leaves_one_run(tmp_path: Path) -> None:
    codes = set()
    number = 0
    while True:
        folder = first_run(tmp_path / f"out{number}")
        code = second_run(folder, number + 1, fail)
        output_directory(folder)
        assert shown(folder) in (OLD, NEW)
        assert hidden(folder) == []
        if code == 1:
            break
        codes.add(code)
        number += 1
    assert codes == {0, 2}  # 0 where only clearing up failed


def test_a_full_disk_leaves_the_old_results(tmp_path: Path) -> None:
    def forbid_growth() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2, 2))

    folder = first_run(tmp_path / "out")
    assert second_run(folder, 1, forbid_growth) == 2
    assert shown(folder) == OLD
    assert hidden(folder) == []


def test_a_message_names_the_file_as_the_user_knows_it(tmp_path: Path) -> None:
    folder = first_run(tmp_path / "out")

    def write_below_a_file() -> None:
        with together(folder, (), seal="") as made:
            write_bytes(made / "report.txt" / "a", b"")

    with pytest.raises(UltralifError) as caught:
        write_below_a_file()
    assert f"{folder / 'report.txt' / 'a'}: cannot write there" in str(caught.value)


def test_parts_of_a_run_that_lives_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / f".dead.12345678{PART}").write_text("", encoding="utf-8")
    (tmp_path / f".folder.12345678{PART}" / "inner").mkdir(parents=True)
    (tmp_path / ".mine.part").write_text("", encoding="utf-8")
    with part(tmp_path, "a.txt") as file, part(tmp_path, "b", is_folder=True) as folder:
        remove_stale_parts(tmp_path)
        assert sorted(tmp_path.iterdir()) == sorted([tmp_path / ".mine.part", file, folder])
    assert [path.name for path in tmp_path.iterdir()] == [".mine.part"]


def test_without_locks_no_part_is_taken_for_stale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsupported(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", unsupported)
    with part(tmp_path, "a.txt") as file:
        remove_stale_parts(tmp_path)
        assert file.exists()
    results(output_directory(tmp_path / "out"), "old")
    assert (tmp_path / "out" / "seal.txt").exists()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{", "damaged"),
        ('{"new": []}', "damaged"),
        (json.dumps({"old": ["../mine.txt"], "new": []}), "names outside the directory"),
        (json.dumps({"old": [], "new": [".."]}), "names outside the directory"),
    ],
)
def test_an_unfinished_swap_from_elsewhere_moves_nothing(
    tmp_path: Path, text: str, expected: str
) -> None:
    folder = tmp_path / "out"
    (folder / READY / "new").mkdir(parents=True)
    (folder / READY / "order.json").write_text(text, encoding="utf-8")
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(UltralifError, match=expected):
        output_directory(folder)
    assert (tmp_path / "mine.txt").exists()
