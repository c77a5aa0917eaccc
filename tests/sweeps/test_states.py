"""What a sweep shows of its points while it runs."""

from support.reports import swept
from ultralif_deploy.io.progress import Rows
from ultralif_deploy.sweeps.states import States

Seen = list[tuple[float, str, Rows]]


def states(seen: Seen) -> States:
    kept = {"b": swept(0.9, 2.34e-9, 1, gap=1.5)}
    made = States(3, lambda *shown: seen.append(shown))
    made.add(("a", "b", "c"), kept)
    return made


def test_points_move_from_state_to_state() -> None:
    seen: Seen = []
    one = states(seen)
    one.begun("c")
    one.ended("c", swept(0.85, None, 1))
    one.begun("a")
    one.ended("a", None)
    assert [[(name, *row[:1]) for name, row in rows.items()] for _, _, rows in seen] == [
        [("b", "kept"), ("a", "waiting"), ("c", "waiting")],
        [("c", "running"), ("b", "kept"), ("a", "waiting")],
        [("c", "done"), ("b", "kept"), ("a", "waiting")],
        [("a", "running"), ("c", "done"), ("b", "kept")],
        [("c", "done"), ("b", "kept"), ("a", "refused")],
    ]
    assert [(round(share, 2), text) for share, text, _ in seen] == [
        *((0.33, ""), (0.33, ""), (0.67, "c: 85.00 %"), (0.67, "c: 85.00 %"), (1, "a: refused"))
    ]


def test_figures_stand_beside_points_that_ended() -> None:
    seen: Seen = []
    one = states(seen)
    assert seen[-1][2]["b"] == ("kept", "90.00 %", "+1.50", "2.34 nJ")
    assert seen[-1][2]["a"] == ("waiting", "", "", "")
    one.ended("a", swept(0.85, None, 1))  # no device has a figure for both
    assert seen[-1][2]["b"][3] == seen[-1][2]["a"][3] == "1 operations"


def test_news_of_a_point_that_has_ended_is_late() -> None:
    seen: Seen = []
    one = states(seen)
    one.ended("a", swept(0.85, 1e-9, 1))
    one.begun("a")
    assert seen[-1][2]["a"][0] == "done"
