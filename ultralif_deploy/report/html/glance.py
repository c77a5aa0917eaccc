"""What the first screen shows beside the answers: three figures and a picture."""

from ultralif_deploy.report.html.diagram import diagram_section
from ultralif_deploy.report.html.drawing.charts import Row, bar, linear_axis, rows_figure
from ultralif_deploy.report.html.network import accuracies
from ultralif_deploy.report.html.page import Figure, KeyFigure
from ultralif_deploy.report.prices import prices
from ultralif_deploy.report.summary import trained
from ultralif_deploy.report.words import datum, joule, percent, points, whole
from ultralif_deploy.schema.report import Report


def key_figures(report: Report) -> tuple[KeyFigure, ...]:
    """Accuracy, what was lost, and what an inference costs; sizes where there are no labels."""
    accuracy = report["accuracy"]
    if accuracy["gap_ci95"] is None:
        same = (datum(report, percent, "prediction_agreement", "integer_hard"),)
        neurons = (datum(report, whole, "program", "neurons"), " neurons")
        stored = (datum(report, whole, "program", "parameters"), " stored parameters")
        right = KeyFigure(same, ("of the samples keep the class that was predicted",))
        return right, KeyFigure(neurons, stored), _cost(report)
    before = (f"right in integers; {trained(report)} ", datum(report, percent, "accuracy", "soft"))
    gap = (datum(report, points, "accuracy", "gap_soft_integer"), " points")
    low, high = (datum(report, points, "accuracy", "gap_ci95", end) for end in (0, 1))
    return (
        KeyFigure((datum(report, percent, "accuracy", "integer"),), before),
        KeyFigure(gap, ("lost; 95 % interval ", low, " to ", high)),
        _cost(report),
    )


def _cost(report: Report) -> KeyFigure:
    operations = datum(report, whole, "energy", "synaptic_operations_per_inference")
    priced = prices(report["energy"]["devices"])
    if not priced:
        return KeyFigure((operations,), ("synaptic operations of one inference",))
    ends = (pick(priced, key=lambda name: priced[name].nominal) for pick in (min, max))
    low, high = (
        datum(report, joule, "energy", "devices", name, "per_inference_j") for name in ends
    )
    if len(priced) == 1:
        return KeyFigure((low,), ("for one inference; ", operations, " synaptic operations"))
    models = f"for one inference, by {len(priced)} models; "
    return KeyFigure((low, " to ", high), (models, operations, " synaptic operations"))


def picture(report: Report) -> Figure | None:
    """The accuracy of each form; the network itself where there are no labels."""
    forms = {name: value for name, value in accuracies(report).items() if value is not None}
    if not forms:
        return next(iter(diagram_section(report).figures), None)
    axis = linear_axis(1.0, lambda share: f"{100 * share:.0f} %", "share of test samples")
    *before, deployed = forms
    styles = {**dict.fromkeys(before, "swept"), deployed: "deployed"}
    rows = []
    for name, value in forms.items():
        track = (bar(0, axis.place(value), styles[name], percent(value)),)
        rows.append(Row(name.replace(" weights, deployed", ""), percent(value), (track,)))
    said = "; ".join(f"{name}: {percent(value)}" for name, value in forms.items())
    return rows_figure("How many test samples are right", f"{said}.", rows, axis)
