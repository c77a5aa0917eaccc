"""The summary in words, for the terminal and report.html."""

from collections.abc import Iterable

from ultralif_deploy.report.prices import prices
from ultralif_deploy.report.words import (
    Datum,
    Sentence,
    datum,
    joule,
    percent,
    points,
    significant,
    weights_in_words,
    whole,
)
from ultralif_deploy.schema.report import Finding, Report
from ultralif_deploy.schema.values import Kind, Verdict
from ultralif_deploy.verify.judging import within_allowed


def subject(report: Report) -> str:
    """The name of the file that was deployed, with its architecture if known."""
    file, architecture = report["source"]["file"], report["source"]["architecture"]
    return file if architecture is None else f"{file} ({architecture})"


def trained(report: Report) -> Kind:
    """What the integer program is compared with: `soft` spikes, or the `float` network."""
    return report["accuracy"]["compared"]


ANSWERS: dict[Verdict, tuple[str, str]] = {
    "yes": ("Deploys", "Yes: "),
    "unsure": ("Deploys, if the assumptions are right", "Unsure: "),
    "with losses": ("Deploys with losses", "With losses: "),
    "no": ("Does not deploy", "No: "),
}
"""For each verdict its headline, and its answer to the first question of the summary."""

SHOWN_WARNINGS = 6
"""Largest number of warnings above the summary; the table of findings shows all."""


def summary(report: Report) -> dict[str, Sentence]:
    """Answers to the questions whether it deploys, what was lost, and what it costs."""
    answers = {
        "Does it deploy?": _deployment(report),
        "What was lost?": _loss(report),
        "What does it cost?": _cost(report),
    }
    if "hardware" in report:
        answers["What does it take on the FPGA?"] = _fpga(report)
    return answers | ({"What is in front?": _in_front(report)} if "backbone" in report else {})


def warnings(report: Report) -> list[str]:
    """The findings that decide the verdict, the worst first, as shown above the summary."""
    found = [finding_text(f) for f in report["findings"] if f["severity"] != "note"]
    more = len(found) - SHOWN_WARNINGS
    return found[:SHOWN_WARNINGS] + ([f"and {more} more"] if more > 0 else [])


def finding_text(finding: Finding) -> str:
    """A finding and its remedy, in one sentence."""
    remedy = finding["remedy"]
    return f"{finding['text']}; {remedy}" if remedy else finding["text"]


def _deployment(report: Report) -> Sentence:
    compared = report["backends"]
    differing = [name for name, result in compared.items() if not result["exact"]]
    answer: list[str | Datum] = [ANSWERS[report["verdict"]][1]]
    answer += [
        f"{subject(report)} became an integer program with {weights_in_words(report['program'])} "
        "weights, ",
        datum(report, whole, "program", "neurons"),
        " neurons and ",
        datum(report, whole, "program", "parameters"),
        " parameters. ",
    ]
    answer += [f"Its back ends {_names(compared)} "]
    if differing:
        answer += [f"do not agree: {_names(differing)} DIFFER from the reference."]
    else:
        first = next(iter(compared))
        samples = datum(report, whole, "backends", first, "samples")
        answer += ["agree in every spike of ", samples, " samples."]
    if report["backends_not_run"]:
        answer += [f" Not run: {_names(report['backends_not_run'])}."]
    if not within_allowed(report["accuracy"]):
        allowed = datum(report, points, "accuracy", "max_gap")
        answer += [" The gap in accuracy is larger than the ", allowed, " points allowed."]
    if "hardware" in report and report["hardware"]["refused"] is not None:
        answer += [f" It cannot be on {report['hardware']['part']}."]
    return tuple(answer)


def _loss(report: Report) -> Sentence:
    data, accuracy, before = report["data"], report["accuracy"], trained(report)
    answer: list[str | Datum] = [
        "On ",
        datum(report, whole, "data", "samples"),
        f" test samples of {data['name']} ({data['encoding']}, T = ",
        datum(report, whole, "data", "timesteps"),
        *_draws(report),
        ") ",
    ]
    if accuracy["gap_ci95"] is not None:
        low, high = accuracy["gap_ci95"]
        answer += [
            f"the {before} network is right for ",
            datum(report, percent, "accuracy", "soft"),
            ", the integer program for ",
            datum(report, percent, "accuracy", "integer"),
            ": a gap of ",
            datum(report, points, "accuracy", "gap_soft_integer"),
            " points (95 % interval ",
            datum(report, points, "accuracy", "gap_ci95", 0),
            " to ",
            datum(report, points, "accuracy", "gap_ci95", 1),
            ", McNemar p = ",
            datum(report, significant, "accuracy", "mcnemar_p"),
            "), ",
            "a significant loss."
            if low > 0
            else "a significant gain."
            if high < 0
            else "which is not significant on these samples.",
        ]
        return tuple(answer)
    answer += [
        "the integer program predicts the same class as the float network for ",
        datum(report, percent, "prediction_agreement", "integer_hard"),
    ]
    return (*answer, "; the data have no labels, so there is no accuracy.")


def _draws(report: Report) -> Sentence:
    if report["accuracy"].get("draws") in (None, 1):
        return ()
    return (", mean of ", datum(report, whole, "accuracy", "draws"), " draws of the input spikes")


COVERS = {
    "operations": "arithmetic only",
    "yan2024": "arithmetic and memory accesses",
    "lemaire2022": "arithmetic, memory and addressing",
    "step": "arithmetic and memory for each state",
    "loihi": "events on the chip, with its makers' figures",
    "sana-fe": "events on the chip, with figures that SANA-FE fitted",
    "synaptic": "synaptic operations, with a chip's published figure",
    "platform": "operations, with a platform's published figure",
    "paper-proxy": "the proxy of the UltraLIF paper",
}
"""What the figure of each model covers."""


def _cost(report: Report) -> Sentence:
    devices = report["energy"]["devices"]
    answer: list[str | Datum] = [
        "One inference takes ",
        datum(report, whole, "energy", "synaptic_operations_per_inference"),
        " synaptic operations, the mean over the samples. It would take ",
        datum(report, whole, "energy", "dense_operations_per_inference"),
        " if no input, spike or weight were zero.",
    ]
    priced = prices(devices)
    if priced:
        by_joules = sorted(priced, key=lambda name: priced[name].nominal)
        low, high = by_joules[0], by_joules[-1]
        answer += [
            " The models estimate between ",
            _price(report, low),
            " and ",
            _price(report, high),
        ]
        answer += [", because they cover different things: "]
        for place, name in enumerate(reversed(by_joules)):  # what covers least never leads
            before = "" if place == 0 else "; "
            covers = COVERS.get(devices[name]["model"], devices[name]["model"])
            answer += [f"{before}{name} ", _price(report, name), f" ({covers})"]
        answer += [". None of them is the whole energy."]
    unpublished = [name for name in devices if name not in priced]
    if unpublished:
        answer += [f" Not published or not placed: {_names(unpublished)}."]
    for name, device in devices.items():
        if device["idle_per_inference_j"] is not None:
            idle = datum(report, joule, "energy", "devices", name, "idle_per_inference_j")
            answer += [f" Idle power is not included; on {name} it adds ", idle, "."]
    compiled = report["backends"].get("c")
    if compiled is not None and "flash_bytes" in compiled["facts"]:
        answer += [
            " As C code, the program takes ",
            datum(report, whole, "backends", "c", "facts", "flash_bytes"),
            " bytes of code and constants, and ",
            datum(report, whole, "backends", "c", "facts", "ram_bytes"),
            " bytes of state.",
        ]
    for name, result in report["backends"].items():
        if "instructions" in result["facts"]:
            facts = ("backends", name, "facts")
            answer += [
                f" On {name}, an inference takes ",
                datum(report, whole, *facts, "instructions", "mean"),
                " instructions on average, ",
                datum(report, whole, *facts, "flash_bytes"),
                " bytes of flash, ",
                datum(report, whole, *facts, "ram_bytes"),
                " of state and ",
                datum(report, whole, *facts, "stack_bytes"),
                " of stack.",
            ]
    return tuple(answer)


def _fpga(report: Report) -> Sentence:
    """Resources and latency on the part that --part names, or why it cannot be there."""
    found = report["hardware"]
    if found["synthesized"] is None:
        return (f"{found['device']}: {found['refused']}.",)
    at = ("hardware", "synthesized")
    return (
        f"On {found['device']}, the Verilog takes ",
        datum(report, whole, *at, "logic_cells"),
        " logic cells and ",
        datum(report, whole, *at, "block_rams"),
        " block RAMs. An inference takes ",
        datum(report, whole, *at, "cycles", "mean"),
        " clock cycles on average and ",
        datum(report, whole, *at, "cycles", "max"),
        " at most, which is ",
        datum(report, lambda seconds: f"{1e6 * seconds:.1f} µs", *at, "latency_s"),
        " on average at the highest clock that nextpnr estimates, ",
        datum(report, lambda hertz: f"{hertz / 1e6:.1f} MHz", *at, "fmax_hz"),
        ". No tool here computes the power.",
    )


def _in_front(report: Report) -> Sentence:
    """The backbone, which is counted but not certified."""
    name = report["backbone"]["name"]
    return (
        f"The backbone ({name}) runs in float, and is not certified. It holds ",
        datum(report, whole, "backbone", "parameters"),
        " parameters, and makes ",
        datum(report, whole, "backbone", "features"),
        " features of each sample, which the program takes as 8-bit inputs, with errors up to ",
        datum(report, significant, "backbone", "rounding"),
        ". One inference takes ",
        datum(report, whole, "backbone", "multiply_accumulates"),
        " float multiply-accumulates in it, which is ",
        datum(report, joule, "backbone", "arithmetic_j"),
        " for their arithmetic in 45 nm CMOS. The costs above are without it. All accuracies and "
        "spikes here are of the program behind it, with these features.",
    )


def _price(report: Report, name: str) -> Datum:
    return datum(report, joule, "energy", "devices", name, "per_inference_j")


def training_text(report: Report) -> str:
    """The course of the training in a sentence; empty if the file does not hold it."""
    epochs = report.get("training")
    if not epochs:
        return ""
    first, last = epochs[0], epochs[-1]
    best = max(epochs, key=lambda epoch: epoch["soft_accuracy"])
    return (
        f"Trained for {len(epochs)} epochs, ε from {first['epsilon']:.3g} to "
        f"{last['epsilon']:.3g}; on held-out training samples epoch {best['epoch']} was the best: "
        f"soft {percent(best['soft_accuracy'])}, hard {percent(best['hard_accuracy'])}."
    )


def passes_note(report: Report) -> str:
    """Why the counts in the table of passes differ from those of the program."""
    dense = whole(report["energy"]["dense_operations_per_inference"])
    stored = whole(report["program"]["parameters"])
    return (
        f"Operations here leave out weights that are 0; the {dense} of the summary count every "
        f"weight. Parameters here are weights and biases. The {stored} of the summary are the "
        "integers that the program stores: weights, biases, thresholds, leaks and resets."
    )


def _names(names: Iterable[str]) -> str:
    listed = list(names)
    return listed[0] if len(listed) == 1 else f"{', '.join(listed[:-1])} and {listed[-1]}"
