"""Progress where stderr is no terminal: a line when work takes long, and none when it is short."""

import io
import re
import time

import pytest

from ultralif_deploy.io import progress


def shown(capsys: pytest.CaptureFixture[str], expected: str, shows: progress.Progress) -> None:
    """Work until a line is there, as a test cannot know how fast the machine is."""
    with shows.stage("anneal") as update:
        update(0.25, "epoch 5/20")
        said, until = "", time.monotonic() + 30
        while expected not in said and time.monotonic() < until:
            time.sleep(0.005)
            said += capsys.readouterr().err
    assert expected in said


def test_long_work_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "FIRST", 0.0)
    monkeypatch.setattr(progress, "BETWEEN", 0.01)
    shown(capsys, "anneal: 25 %, epoch 5/20, after 0 s\n", progress.ShownProgress())


def test_of_nested_stages_the_inner_one_speaks(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "FIRST", 0.0)
    monkeypatch.setattr(progress, "BETWEEN", 0.01)
    shows = progress.ShownProgress()
    with shows.stage("quantize"):
        shown(capsys, "anneal: 25 %", shows)


def test_short_work_and_silent_work_say_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "FIRST", 3600.0)
    for shows in (progress.ShownProgress(), progress.Progress()):
        with shows.stage("anneal") as update:
            update(1.0, "")
    assert capsys.readouterr().err == ""


def test_work_goes_on_when_nobody_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "FIRST", 0.0)
    closed = io.StringIO()
    closed.close()
    shows = progress.ShownProgress()
    with shows.stage("anneal") as update:
        monkeypatch.setattr("sys.stderr", closed)
        time.sleep(0.02)
        update(1.0, "")


def test_reading_samples_shows_itself_only_where_a_progress_is_given(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("SOON", 0.0), ("FIRST", 0.0), ("BETWEEN", 0.001)):
        monkeypatch.setattr(progress, name, value)

    def read() -> list[int]:
        return [time.sleep(0.005) or i for i in progress.each_sample("read images", range(20))]

    assert read() == list(range(20))
    with progress.Progress().reading():
        assert read() == list(range(20))
    assert capsys.readouterr().err == ""
    with progress.ShownProgress().reading():
        assert read() == list(range(20))
    assert "read images: " in capsys.readouterr().err
    assert read() == list(range(20))
    assert capsys.readouterr().err == ""


def test_a_table_changes_on_a_terminal_and_goes_at_the_end(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("TTY_COMPATIBLE", "1"), ("COLUMNS", "80"), ("LINES", "10")):
        monkeypatch.setenv(name, value)
    with progress.ShownProgress().table("sweep", ("state", "accuracy")) as show:
        show(0.5, "", {f"seed={i}": ("done", f"9{i}.00 %") for i in range(9)})
    drawn = capsys.readouterr().err
    assert "sweep: 50 %" in drawn
    assert re.search("seed=2 .* done .* 92.00 %", drawn)
    assert "seed=3" not in drawn
    assert "and 6 more" in drawn
    assert drawn.count("\x1b[2K") >= 7


def test_a_table_is_a_line_elsewhere(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "FIRST", 3600.0)
    shows = progress.ShownProgress()
    with shows.table("sweep", ("state",)) as show:
        show(0.5, "seed=1: 91.00 %", {"seed=1": ("done",), "seed=2": ("waiting",)})
        (stage,) = shows._stages
        assert stage.line(3.0) == "sweep: 50 %, seed=1: 91.00 %, after 3 s"
        shows.say("the scheduler has gone")
    assert capsys.readouterr().err == "the scheduler has gone\n"
