"""Figures in words: what every form of the report says first."""

from typing import Any


def joule(value: float) -> str:
    """A figure with an SI prefix: 1.83 µJ."""
    for factor, unit in ((1e-3, "mJ"), (1e-6, "µJ"), (1e-9, "nJ")):
        if value >= factor:
            return f"{value / factor:.3g} {unit}"
    return f"{value / 1e-12:.3g} pJ"


def percent(fraction: float | None) -> str:
    """A fraction as a percentage, or a dash."""
    return "–" if fraction is None else f"{100 * fraction:.2f} %"


def weights_in_words(program: dict[str, Any]) -> str:
    """`8-bit` or `ternary`."""
    bits = program["weight_bits"]
    return f"{bits}-bit" if isinstance(bits, int) else str(bits)


def subject(report: dict[str, Any]) -> str:
    """The file, and what it held."""
    if "checkpoint" in report:
        return f"{report['checkpoint']['file']}: {report['checkpoint']['architecture']}"
    return str(report["network"]["file"])


def before(report: dict[str, Any]) -> str:
    """What the integers are compared with: `soft` or `float`."""
    return "float" if "network" in report else "soft"


def deployed(report: dict[str, Any]) -> str:
    """What became of the network, and whether the back ends agree."""
    program = report["program"]
    exact = all(result["exact"] for result in report["backends"].values())
    neurons = sum(p["size"] for p in program["populations"])
    agree = "agree in every spike" if exact else "DIFFER"
    return (
        f"{subject(report)} became an integer program with {weights_in_words(program)} weights, "
        f"{neurons} neurons and {program['parameters']:,} parameters; its "
        f"{len(report['backends'])} back ends {agree}."
    )


def lost(report: dict[str, Any]) -> str:
    """What was lost on the way."""
    accuracy, data, kind = report["accuracy"], report["data"], before(report)
    samples = f"{data['samples']} samples of {data['name']} ({data['encoding']}, T = "
    samples += f"{data['timesteps']})"
    if accuracy[kind] is None:
        same = report.get("predictions_equal")
        if same is None:
            same = report["prediction_agreement"]["integer_hard"]
        return f"It predicts as the float network for {percent(same)} of {samples}."
    low, high = accuracy["gap_ci95"]
    gap = accuracy[f"gap_{kind}_integer"]
    return (
        f"Accuracy {percent(accuracy[kind])} {kind}, {percent(accuracy['integer'])} integer on "
        f"{samples}: a gap of {gap:+.2f} points (95 % interval {low:+.2f} to {high:+.2f}, "
        f"McNemar p = {accuracy['mcnemar_p']:.2g})."
    )


def cost(report: dict[str, Any]) -> str:
    """What one inference costs, in operations and joules."""
    energy = report["energy"]
    operations, dense = (
        energy["synaptic_operations_per_inference"],
        energy["dense_operations_per_inference"],
    )
    text = f"One inference takes {operations:,.0f} synaptic operations"
    text += f", {percent(operations / dense)} of the dense ones." if dense else "."
    known = {n: d for n, d in energy["devices"].items() if d["per_inference_j"] is not None}
    if known:
        parts = [f"{joule(d['per_inference_j'])} by {n}" for n, d in known.items()]
        text += f" Its energy is {', '.join(parts)}; these differ in what they cover."
    idle = [d["idle_per_inference_j"] for d in known.values() if d["idle_per_inference_j"]]
    if idle:
        text += f" A chip that idles meanwhile takes {joule(max(idle))} more."
    return text
