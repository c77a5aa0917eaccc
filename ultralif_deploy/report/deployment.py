"""What `deploy` returns: the content of report.json, which notebooks show and pandas takes."""

from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING, Any, Literal, cast, overload

from ultralif_deploy.errors import Missing, UltralifError
from ultralif_deploy.report.summary import summary, warnings
from ultralif_deploy.report.words import plain
from ultralif_deploy.schema.back_ends import BackEnd, Exports, NotRun
from ultralif_deploy.schema.backbone import BackboneCosts
from ultralif_deploy.schema.choices import Choice
from ultralif_deploy.schema.energy import Energy
from ultralif_deploy.schema.expected import ExpectedSpikes
from ultralif_deploy.schema.hardware.synthesis import OnPart
from ultralif_deploy.schema.measured import (
    Accuracy,
    Authors,
    Classes,
    EpsilonPoint,
    Membranes,
    Population,
    PredictionAgreement,
    Raster,
)
from ultralif_deploy.schema.report import (
    Data,
    Finding,
    Parameter,
    PassCosts,
    Program,
    Report,
    Setting,
    Source,
)
from ultralif_deploy.schema.training import TrainedEpoch
from ultralif_deploy.schema.values import Verdict

if TYPE_CHECKING:
    import pandas as pd


class DeploymentReport(dict[str, Any]):
    """The content of report.json as a dict; the page `report` describes its keys.

    `report["accuracy"]["integer"]` is a figure, for example. A notebook shows the summary in words.
    """

    @property
    def content(self) -> Report:
        """The same dict, with the type of report.json."""
        return cast(Report, self)

    # One for each key, so that type checkers know the values; a test compares them with `Report`.
    @overload
    def __getitem__(self, key: Literal["version"], /) -> Literal[2]: ...
    @overload
    def __getitem__(self, key: Literal["ultralif_deploy", "annealing"], /) -> str: ...
    @overload
    def __getitem__(self, key: Literal["command"], /) -> str | None: ...
    @overload
    def __getitem__(self, key: Literal["source"], /) -> Source: ...
    @overload
    def __getitem__(self, key: Literal["backbone"], /) -> BackboneCosts: ...
    @overload
    def __getitem__(self, key: Literal["data"], /) -> Data: ...
    @overload
    def __getitem__(self, key: Literal["program"], /) -> Program: ...
    @overload
    def __getitem__(self, key: Literal["passes"], /) -> list[PassCosts]: ...
    @overload
    def __getitem__(self, key: Literal["assumed"], /) -> dict[str, Setting]: ...
    @overload
    def __getitem__(self, key: Literal["energy"], /) -> Energy: ...
    @overload
    def __getitem__(self, key: Literal["verdict"], /) -> Verdict: ...
    @overload
    def __getitem__(self, key: Literal["findings"], /) -> list[Finding]: ...
    @overload
    def __getitem__(self, key: Literal["parameters"], /) -> list[Parameter]: ...
    @overload
    def __getitem__(self, key: Literal["accuracy"], /) -> Accuracy: ...
    @overload
    def __getitem__(self, key: Literal["authors"], /) -> Authors | None: ...
    @overload
    def __getitem__(self, key: Literal["epsilon_sweep"], /) -> list[EpsilonPoint]: ...
    @overload
    def __getitem__(self, key: Literal["prediction_agreement"], /) -> PredictionAgreement: ...
    @overload
    def __getitem__(self, key: Literal["classes"], /) -> Classes | None: ...
    @overload
    def __getitem__(self, key: Literal["populations"], /) -> dict[str, Population]: ...
    @overload
    def __getitem__(self, key: Literal["input_spike_rate"], /) -> float: ...
    @overload
    def __getitem__(self, key: Literal["raster"], /) -> Raster: ...
    @overload
    def __getitem__(self, key: Literal["membranes"], /) -> Membranes | None: ...
    @overload
    def __getitem__(self, key: Literal["backends"], /) -> dict[str, BackEnd]: ...
    @overload
    def __getitem__(self, key: Literal["backends_not_run"], /) -> dict[str, NotRun]: ...
    @overload
    def __getitem__(self, key: Literal["exports"], /) -> Exports: ...
    @overload
    def __getitem__(self, key: Literal["weight_choice", "spike_choice"], /) -> Choice: ...
    @overload
    def __getitem__(self, key: Literal["training"], /) -> list[TrainedEpoch]: ...
    @overload
    def __getitem__(self, key: Literal["expected"], /) -> ExpectedSpikes: ...
    @overload
    def __getitem__(self, key: Literal["hardware"], /) -> OnPart: ...
    @overload
    def __getitem__(self, key: str, /) -> Any: ...
    def __getitem__(self, key: str, /) -> Any:
        """The value of a key of report.json."""
        return super().__getitem__(key)

    def _repr_html_(self) -> str:
        """The warnings and the summary in words, for notebooks; all text is escaped."""
        parts = [f"<p>⚠ {escape(warning)}.</p>" for warning in warnings(self.content)]
        parts += [
            f"<p><b>{escape(question)}</b> {escape(plain(answer))}</p>"
            for question, answer in summary(self.content).items()
        ]
        return "".join(parts)

    def to_dataframe(self, table: str = "populations") -> "pd.DataFrame":
        """A table of the report for pandas, which `pip install 'ultralif-deploy[pandas]'` gives.

        Args:
            table: `populations` (a row for each, with size, bits, spike rates and spikes kept),
                `accuracy` (a row for each form of the network), `energy` (a row for each device,
                in joules of one inference), `energy by place` (a row for each device, place and
                cause, in joules of one inference), `back ends`, `parameters`, `passes`, `findings`.

        Returns:
            The rows, in the order of the report.

        Raises:
            UltralifError: no such table.
            Missing: pandas is not installed.
        """
        if table not in TABLES:
            raise UltralifError(f"no table {table!r}; expected one of {', '.join(TABLES)}")
        try:
            import pandas as pd
        except ImportError as error:
            raise Missing("pandas", "pip install pandas") from error
        return pd.DataFrame.from_records(TABLES[table](self.content))


def _populations(report: Report) -> list[dict[str, Any]]:
    return [
        {
            "population": p["name"],
            "neuron": p["neuron"],
            "neurons": p["size"],
            "weight_bits": p["weight_bits"],
            "current_bound": p["current_bound"],
            "spike_rate_before": found["spike_rate_soft"] if found else None,
            "spike_rate_integer": found["spike_rate_integer"] if found else None,
            "spikes_kept": found["spikes_kept"]["recall"] if found else None,
        }
        for p in report["program"]["populations"]
        for found in [report["populations"].get(p["name"])]
    ]


def _accuracy(report: Report) -> list[dict[str, Any]]:
    accuracy = report["accuracy"]
    return [
        {"form": accuracy["compared"], "accuracy": accuracy["soft"]},
        {"form": "hard, nothing done", "accuracy": accuracy["hard_naive"]},
        {"form": "hard", "accuracy": accuracy["hard"]},
        {"form": "integer", "accuracy": accuracy["integer"]},
    ]


def _energy(report: Report) -> list[dict[str, Any]]:
    columns = (
        *("badge", "per_inference_j", "low_per_inference_j", "high_per_inference_j"),
        *("idle_per_inference_j", "not_covered"),
    )
    return [
        {"device": name, **{column: cast(Any, device)[column] for column in columns}}
        for name, device in report["energy"]["devices"].items()
    ]


def _energy_by_place(report: Report) -> list[dict[str, Any]]:
    return [
        {"device": name, "place": place, "cause": cause, "per_inference_j": joules}
        for name, device in report["energy"]["devices"].items()
        for place, causes in device["by_place"].items()
        for cause, joules in causes.items()
    ]


def _back_ends(report: Report) -> list[dict[str, Any]]:
    ran = [
        {"back_end": name, "ran": True, "exact": one["exact"], "samples": one["samples"]}
        | {"reason": one["difference"]}
        for name, one in report["backends"].items()
    ]
    return ran + [
        {"back_end": name, "ran": False, "exact": None, "samples": 0, "reason": one["message"]}
        for name, one in report["backends_not_run"].items()
    ]


TABLES: dict[str, Callable[[Report], Any]] = {
    "populations": _populations,
    "accuracy": _accuracy,
    "energy": _energy,
    "energy by place": _energy_by_place,
    "back ends": _back_ends,
    "parameters": lambda report: report["parameters"],
    "passes": lambda report: report["passes"],
    "findings": lambda report: report["findings"],
}
"""Rows of every table by its name."""
