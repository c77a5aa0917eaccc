"""Sweeps over real deployments: on processes, on a real Dask cluster, stopped and gone on.

Simulations and measurements by blocks are here too, because they share the cluster.
"""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from distributed import Client

from support.clusters.local import Cluster
from support.commands import DEMO, refused, ultralif
from support.networks.nir_files import recurrent
from ultralif_deploy.data import Split
from ultralif_deploy.data.encoders import Encoder
from ultralif_deploy.energy.counts import EventCounter
from ultralif_deploy.errors import Missing, UltralifError
from ultralif_deploy.exporters.nir.programs import read_nir
from ultralif_deploy.io.parallel import cluster as clusters
from ultralif_deploy.io.progress import Progress, Update
from ultralif_deploy.pipeline import deploy
from ultralif_deploy.soft.checkpoint_file import save
from ultralif_deploy.soft.network import Architecture, SoftNetwork
from ultralif_deploy.sources.settings import Settings
from ultralif_deploy.steps.simulating import run_on
from ultralif_deploy.sweeps import sweep as sweeping
from ultralif_deploy.sweeps.jobs import Job
from ultralif_deploy.sweeps.points import Deployment
from ultralif_deploy.sweeps.sweep import sweep
from ultralif_deploy.verify import measuring

Ended = Iterator[tuple[str, str | None]]

VARY = {"bits": ["8", "4", "ternary"]}
BASE = Deployment(
    Settings(data="digits", limit=20), certified_samples=2, energy_devices=("cmos45",)
)


class After(Progress):
    """Calls a function after each of the first points, or parts of another stage, in order."""

    def __init__(self, *acts: Callable[[], None], title: str = "sweep") -> None:
        self.acts, self.title = list(acts), title
        self.said: list[str] = []

    def say(self, line: str) -> None:
        self.said.append(line)

    @contextmanager
    def stage(self, title: str) -> Iterator[Update]:
        def update(share: float, text: str) -> None:
            if title == self.title and self.acts and text and share < 1:
                self.acts.pop(0)()

        yield update


class Here:
    """Deploys the points in this process, where it does not matter which process does."""

    def as_they_end(
        self,
        work: Callable[[Job], str | None],
        items: dict[str, Job],
        on_begin: Callable[[str], None],
    ) -> Ended:
        for name, job in items.items():
            on_begin(name)
            yield name, work(job)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spares the start of a process, and its imports, for each sweep."""
    monkeypatch.setattr(sweeping, "Processes", lambda _: Here())


def content(folder: Path) -> dict[str, bytes]:
    """Every file of a sweep by its path."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def serial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sweep in this process, as those on other processes and on clusters are compared with."""
    folder = tmp_path_factory.mktemp("serial")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sweeping, "Processes", lambda _: Here())
        found = sweep(DEMO, folder, VARY, BASE)
    assert list(found["points"]) == ["bits=8", "bits=4", "bits=ternary"]
    return folder


def test_every_point_is_what_deploy_writes(serial: Path, tmp_path: Path) -> None:
    found = json.loads((serial / "sweep.json").read_text("utf-8"))
    run = ("deploy", DEMO, "--data", "digits", "--limit", 20, "--split", "validation")
    run = (*run, "--bits", 4, "--on", "reference,fast", "--certify", 2, "--energy-device", "cmos45")
    assert ultralif(*run, "-o", tmp_path).code == 0
    there = serial / "points" / "bits=4"
    for name in ("program.nir", "vectors.npz", "energy.csv"):
        assert (there / name).read_bytes() == (tmp_path / name).read_bytes()
    report = json.loads((tmp_path / "report.json").read_text("utf-8"))
    point = found["points"]["bits=4"]
    assert point["accuracy"] == report["accuracy"]["integer"]
    assert point["joules"]["cmos45"] == report["energy"]["devices"]["cmos45"]["per_inference_j"]
    assert point["weight_bytes"] == (64 * 64 + 64 * 10) // 2
    assert found["split"] == "last 269 training samples"


def test_the_pages_hold_every_point(serial: Path) -> None:
    lines = (serial / "sweep.csv").read_text("utf-8").splitlines()
    assert lines[0].startswith("point,bits,verdict,accuracy")
    page = (serial / "sweep.html").read_text("utf-8")
    for name in json.loads((serial / "sweep.json").read_text("utf-8"))["points"]:
        assert any(line.startswith(f"{name},") for line in lines)
        assert f"points/{name}" in page


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(tmp_path_factory.mktemp("cluster"))
    yield made
    made.stop()


@pytest.fixture
def cluster(stopped: Cluster) -> Cluster:
    """The cluster of all tests, started where no test before has, or where one has stopped it."""
    if not stopped.processes:
        stopped.start()
    return stopped


def test_a_cluster_whose_scheduler_goes_gives_the_same_bytes(
    serial: Path, cluster: Cluster, tmp_path: Path
) -> None:
    restarting = After(cluster.restart)
    sweep(DEMO, tmp_path, VARY, BASE, scheduler=cluster.address, progress=restarting)
    assert content(tmp_path) == content(serial)
    before, gone, after = restarting.said
    assert before.startswith("Dask dashboard: http://127.0.0.1:")
    assert gone.startswith(f"{cluster.address}: the Dask scheduler has gone; waiting up to 60 s")
    assert after.startswith("Dask dashboard: ")


def test_simulate_gives_the_same_bytes_on_a_cluster(
    serial: Path, cluster: Cluster, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    samples, labels = rng.random((1100, 64)), rng.integers(0, 10, 1100)
    np.savez(tmp_path / "data.npz", x_test=samples, y_test=labels)
    program = serial / "points" / "bits=4" / "program.nir"
    run = ("simulate", program, "--data", tmp_path / "data.npz", "--json")
    here, there = ultralif(*run), ultralif(*run, "--scheduler", cluster.address)
    assert here.code == there.code == 0
    assert len(here.json()["logits"]) == 1100
    assert there.out == here.out
    assert "Dask dashboard: http://" in there.err
    line = "--scheduler: it is for whole runs; expected no --exit beside it"
    assert line in refused(*run, "--scheduler", cluster.address, "--exit", "exact")


def test_spikes_of_a_cluster_are_counted_as_here(serial: Path, cluster: Cluster) -> None:
    program = read_nir(serial / "points" / "bits=4" / "program.nir")
    test = Split(np.random.default_rng(1).random((501, 64)), None)
    counters = EventCounter(program), EventCounter(program)
    for counter, workers in zip(
        counters, (None, clusters.Cluster(cluster.address, Progress())), strict=True
    ):
        run_on("fast", program, test, Encoder("rate", 3), Progress(), counter, workers)
    assert counters[0].totals().as_dict() == counters[1].totals().as_dict()
    assert counters[0].totals().samples == 501


def test_deploy_gives_the_same_bytes_on_a_cluster_whose_worker_dies(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring, "PART_BYTES", 1 << 16)
    cluster.add_worker(threads=2)
    model, data = recurrent(tmp_path / "model.nir"), tmp_path / "data.npz"
    np.savez(data, x_test=(np.random.default_rng(1).random((60, 12, 6)) < 0.4).astype(np.uint8))
    settings = {
        DEMO: Settings(data="digits", timesteps=4, limit=20),
        model: Settings(data=str(data)),
    }

    def written(network: Path, scheduler: str | None, progress: Progress) -> dict[str, bytes]:
        folder = tmp_path / "there" if scheduler else tmp_path / "here"
        deploy(
            network,
            folder / network.stem,
            settings[network],
            certified_samples=2,
            back_ends=(),
            energy_devices=("loihi1",),
            scheduler=scheduler,
            progress=progress,
        )
        return content(folder / network.stem)

    here = {network: written(network, None, Progress()) for network in settings}
    assert json.loads(here[DEMO]["report.json"])["accuracy"]["draws"] == 10
    losing = After(cluster.lose_worker, title="soft, hard, integer")
    with Client(cluster.address) as client:
        client.wait_for_workers(2)
    assert written(DEMO, cluster.address, losing) == here[DEMO]
    assert not losing.acts
    assert [line.rpartition("; ")[2] for line in losing.said] == ["workers: 2"]
    assert written(model, cluster.address, Progress()) == here[model]


def test_workers_that_die_and_modules_that_they_lack(cluster: Cluster, tmp_path: Path) -> None:
    workers = clusters.Cluster(cluster.address, Progress())
    with pytest.raises(UltralifError, match=r"No module named .* expected the same packages as"):
        list(workers.in_order(unknown_to_workers, [1]))
    with pytest.raises(ZeroDivisionError):
        list(workers.in_order(eval, ["1", "1 / 0"]))
    missing = "__import__('ultralif_deploy.errors').errors.Missing('gcc', 'apt install gcc')"
    with pytest.raises(Missing, match="gcc is not installed; to install it: apt install gcc"):
        list(workers.in_order(eval, [f"(_ for _ in ()).throw({missing})"]))
    cluster.add_worker()
    dying = f"open({str(tmp_path / 'died')!r}, 'x') and __import__('os')._exit(1)"
    once = f"3 if __import__('os').path.exists({str(tmp_path / 'died')!r}) else {dying}"
    begun: list[str] = []
    found = dict(workers.as_they_end(eval, {"a": "1", "b": once, "c": "2"}, begun.append))
    assert found == {"a": 1, "b": 3, "c": 2}
    assert (tmp_path / "died").exists()
    assert set(begun) == {"a", "b", "c"}
    assert list(workers.in_order(eval, map(str, range(20)))) == list(range(20))


def unknown_to_workers(item: int) -> int:
    """Of a module that only this process can import."""
    return item


def test_a_stopped_sweep_goes_on(
    serial: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stop(Exception):
        pass

    def stop() -> None:
        raise Stop

    with pytest.raises(Stop):
        sweep(DEMO, tmp_path, VARY, BASE, workers=1, progress=After(stop))
    (finished,) = (tmp_path / "points").glob("*/report.json")
    before = finished.stat()
    monkeypatch.setattr(sweeping, "Processes", lambda _: Here())
    sweep(DEMO, tmp_path, VARY, BASE)
    assert finished.stat().st_mtime_ns == before.st_mtime_ns
    assert content(tmp_path) == content(serial)
    other = Deployment(Settings(data="digits", limit=10), energy_devices=("cmos45",))
    with pytest.raises(UltralifError, match=r"another sweep \(limit: 20, now 10\)"):
        sweep(DEMO, tmp_path, VARY, other)


def test_points_that_are_refused_are_named_and_the_others_stay(
    serial: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Refusing:
        """Refuses the first points, and has deployed the others before."""

        def __init__(self, refused: int) -> None:
            self.refused = refused

        def as_they_end(self, work: object, items: dict[str, Job], on_begin: object) -> Ended:
            for i, (name, job) in enumerate(items.items()):
                if i < self.refused:
                    yield name, "too wide"
                else:
                    shutil.copytree(serial / "points" / name, job.output)
                    yield name, None

    monkeypatch.setattr(sweeping, "Processes", lambda _: Refusing(2))
    found = sweep(DEMO, tmp_path / "some", VARY, BASE)
    assert found["refused"] == {"bits=8": "too wide", "bits=4": "too wide"}
    assert list(found["points"]) == ["bits=ternary"]
    monkeypatch.setattr(sweeping, "Processes", lambda _: Refusing(3))
    with pytest.raises(UltralifError, match="no point can be deployed; bits=8: too wide"):
        sweep(DEMO, tmp_path / "none", VARY, BASE)


@pytest.mark.usefixtures("here")
def test_the_command(tmp_path: Path) -> None:
    run = ("sweep", DEMO, "--data", "digits", "--limit", 5, "--certify", 1, "-o", tmp_path)
    run = (*run, "--workers", 1, "--vary", "bits=4", "--vary", "spike-bits=1,3")
    run = (*run, "--search", 2, "--energy-device", "cmos45", "--deploy-best")
    done = ultralif(*run)
    assert done.code == 0
    for text in ("bits=4,spike_bits=3", "last 269 training samples", "Best: bits=4,spike_bits="):
        assert text in done.out
    assert (tmp_path / "best" / "certificate.json").is_file()
    report = json.loads((tmp_path / "best" / "report.json").read_text("utf-8"))
    assert report["data"]["test_split"] == "x_test"


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (("--vary", "colour=red"), "--vary colour=red: expected an option with its values"),
        (("--vary", "bits="), "--vary bits=: expected an option with its values"),
        (("--vary", "bits=9"), "--vary bits=9: '9'; expected 2, 3, 4"),
        (("--vary", "certify=1,2"), "certify cannot vary; expected one of bits"),
        (("--vary", "bits=8", "--vary", "bits=4"), "--vary bits: given twice"),
        (("--vary", "epochs=1,2"), "epochs varies, but nothing is annealed; add --anneal"),
        (("--vary", "bits=8", "--workers", 2, "--scheduler", "a:1"), "take one"),
        (("--vary", "bits=8,4", "--weight-memory", "2K"), "expected --bits auto too"),
        (("--vary", "bits=8,4", "--bits", "auto", "--max-energy", "1nJ"), "--bits auto too"),
    ],
)
def test_refusals(tmp_path: Path, options: tuple[object, ...], line: str) -> None:
    run = ("sweep", DEMO, "--data", "digits", "-o", tmp_path / "out", *options)
    assert line in refused(*run)
    assert not (tmp_path / "out" / "points").exists()


def test_a_cluster_that_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters, "TIMEOUT_S", 0.5)
    run = ("sweep", DEMO, "--data", "digits", "--vary", "bits=8", "-o", tmp_path)
    there = ("--scheduler", "tcp://127.0.0.1:1")
    assert "tcp://127.0.0.1:1: no Dask scheduler answers" in refused(*run, *there)
    measure = ("deploy", DEMO, "--data", "digits", "--anneal", "-o", tmp_path / "out", *there)
    assert "no Dask scheduler answers" in refused(*measure)
    line = "--scheduler: its workers compute on their CPUs, not with --device cuda"
    assert line in refused(*measure, "--device", "cuda")
    again = ultralif("verify", "--certificate", tmp_path / "certificate.json", *there)
    assert again.code == 2
    assert "--scheduler: it is for a CHECKPOINT" in again.err
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("here")
def test_budgets_of_bits_that_are_chosen(cluster: Cluster, tmp_path: Path) -> None:
    """On a tiny network, by the command and by a cluster: the same bytes."""
    save(tmp_path / "net.pt", SoftNetwork(Architecture((8, 6, 3), "ultratlif")), {}, {})
    rng = np.random.default_rng(0)
    data = {f"x_{part}": rng.random((40, 8)) for part in ("train", "test")}
    data |= {f"y_{part}": rng.integers(0, 3, 40) for part in ("train", "test")}
    np.savez(tmp_path / "data.npz", **data)
    run = ("sweep", tmp_path / "net.pt", "--data", tmp_path / "data.npz", "--bits", "auto")
    run = (*run, "--vary", "timesteps=2", "--workers", 1, "--certify", 1)
    run = (*run, "--weight-memory", 40, "--max-energy", "1J", "--max-cores", "loihi2=2")
    done = ultralif(*run, "--energy-device", "yan2024", "-o", tmp_path / "here")
    assert done.code == 0, done.err
    base = Deployment(
        Settings(data=str(tmp_path / "data.npz")),
        "auto",
        certified_samples=1,
        energy_devices=("yan2024",),
        weight_memory=40,
        max_energy=1.0,
        max_cores={"loihi2": 2},
    )
    vary = {"timesteps": [2]}
    sweep(tmp_path / "net.pt", tmp_path / "there", vary, base, scheduler=cluster.address)
    assert content(tmp_path / "there") == content(tmp_path / "here")
    report = tmp_path / "here" / "points" / "timesteps=2" / "report.json"
    choice = json.loads(report.read_text("utf-8"))["weight_choice"]
    asked = [choice[key] for key in ("max_weight_bytes", "max_joules", "max_cores")]
    assert asked == [40, 1.0, {"loihi2": 2}]
    (chosen,) = [one for one in choice["candidates"] if one["chosen"]]
    assert chosen["weight_bytes"] <= 40 < choice["candidates"][0]["weight_bytes"]


def test_what_a_cluster_finished_is_kept_where_it_does_not_come_back(
    serial: Path, cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clusters, "BACK_S", 0.2)
    line = "none answered for 0 s; finished points are kept, and the same command goes on"
    stopping = After(cluster.stop)
    with pytest.raises(UltralifError, match=line):
        sweep(DEMO, tmp_path, VARY, BASE, scheduler=cluster.address, progress=stopping)
    (finished,) = tmp_path.glob("points/*/report.json")
    before = finished.stat()
    monkeypatch.setattr(sweeping, "Processes", lambda _: Here())
    sweep(DEMO, tmp_path, VARY, BASE)
    assert finished.stat().st_mtime_ns == before.st_mtime_ns
    assert content(tmp_path) == content(serial)
