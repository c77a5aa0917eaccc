"""The output of `ultralif stress`."""

from rich.console import Group, RenderableType
from rich.text import Text

from ultralif_deploy.report.stress_words import amount, interval, kept_up_to, weights
from ultralif_deploy.report.terminal import assumptions_table, titled
from ultralif_deploy.report.words import percent
from ultralif_deploy.schema.studies.stress import Stress


def stress_summary(content: Stress) -> RenderableType:
    """A table of accuracy by fault and level; the undisturbed program comes first."""
    data, undisturbed = content["data"], content["undisturbed"]
    title = f"{data['samples']} samples of {data['name']}, {content['repeats']} repeats"
    names = ("fault", "level", "amount", "accuracy", "spread", "95 % interval", "refused")
    table = titled(title, *names, left=("fault", "amount"))
    accuracy, ends = percent(undisturbed["accuracy"]), interval(undisturbed["ci95"])
    table.add_row("undisturbed", "", "", accuracy, "", ends, "")
    for name, fault in content["faults"].items():
        table.add_section()
        for level in fault["levels"]:
            table.add_row(
                *(name, f"{level['level']:g}", amount(fault, level), percent(level["accuracy"])),
                *(percent(level["spread"]), interval(level["ci95"]), str(level["refused"])),
            )
    assumed = [assumptions_table(content["assumed"])] if content["assumed"] else []
    words = Text(f"Within a point of the undisturbed: {kept_up_to(content)}\n{weights(content)}")
    return Group(table, *assumed, words)
