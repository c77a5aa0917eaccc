"""Help with the common options first, and all options by topic under `--help-all`."""

import click

FEW = 14
"""Commands with at most so many options show all of them at once."""

COMMON = (
    *("data", "timesteps", "limit", "bits", "spike_bits", "anneal", "epochs", "targets"),
    *(
        "max_gap",
        "back_ends",
        "certificate",
        "device",
        "energy_device",
        "output",
        "verbose",
        "as_json",
    ),
)
"""Options that `--help` shows, by the name of their parameter."""

TOPICS: dict[str, tuple[str, ...]] = {
    "Data and its encoding": (
        "data",
        "backbone",
        "normalize",
        "encoding",
        "gain",
        "timesteps",
        "seed",
        "limit",
        "split",
        "max_memory",
    ),
    "What a checkpoint does not hold": (
        *("theta", "tau", "neuron", "skip", "stateless", "input_side"),
        *("membrane", "table", "state_bits", "coefficient_bits"),
    ),
    "What a NIR file of another tool leaves open": (
        *("dt", "reset", "discretization", "fires", "synapse", "read_out"),
        *("max_spikes", "min_membrane", "output_node"),
    ),
    "Integers": ("bits", "spike_bits", "decay_bits", "skip_passes"),
    "Training and annealing": (
        *("anneal", "epochs", "learning_rate", "sparsity", "margin", "prune", "batch_size"),
        "unlabelled",
        *("architecture", "hidden", "channels", "batch_norm", "device"),
    ),
    "What must hold": (
        *("max_gap", "weight_memory", "max_energy", "max_cores", "strict"),
        *("certify", "certificate", "signed_by", "back_ends"),
    ),
}
"""Options of each topic, by the name of their parameter; the rest stand under `Other`."""


OTHER_WORDS = {
    **dict.fromkeys(("--back-end", "--back-ends", "--backend", "--backends"), "--on"),
    **dict.fromkeys(("--simulator", "--simulators"), "--on"),
    **dict.fromkeys(("--weight-bits", "--quantize", "--precision"), "--bits"),
    **dict.fromkeys(("--dataset", "--input", "--inputs"), "--data"),
    **dict.fromkeys(("--out", "--output-dir", "--directory"), "--output"),
    **dict.fromkeys(("--steps", "--time-steps", "--num-steps"), "--timesteps"),
    **dict.fromkeys(("--samples", "--max-samples"), "--limit"),
}
"""Names that users may know from other tools, and the option that they mean here."""


class GroupedCommand(click.Command):
    """A command whose help shows the options that most users need, and how to see the rest."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """The command's parameters, with `--help-all` where `--help` leaves options out."""
        found = super().get_params(ctx)
        return [*found, _help_all()] if len(_options(found)) > FEW else found

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse; an unknown option is answered with the one that is meant, where that is known."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            meant = OTHER_WORDS.get(error.option_name)
            if meant in {name for one in _options(self.get_params(ctx)) for name in one.opts}:
                setattr(error, "possibilities", [meant])  # noqa: B010 - click declares it final
            raise

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the common options, or all options by topic.

        Args:
            ctx: context of the command; `help_all` in its `meta` asks for all.
            formatter: formatter that receives the text.
        """
        options = _options(self.get_params(ctx))
        if len(options) <= FEW:
            super().format_options(ctx, formatter)
        elif ctx.meta.get(ALL):
            for topic, chosen in _by_topic(options):
                _write(ctx, formatter, topic, chosen)
        else:
            common = [one for one in options if one.name in COMMON or _is_help(one)]
            _write(ctx, formatter, "Common options", common)
            more = len(options) - len(common)
            formatter.write_paragraph()
            formatter.write_text(f"{more} more options, by topic: {ctx.command_path} --help-all")


ALL = "ultralif.help_all"
"""Key under which click's context says that the help shall have all options."""


def _help_all() -> click.Option:
    def show(ctx: click.Context, _: click.Parameter, value: bool) -> None:
        if value and not ctx.resilient_parsing:
            ctx.meta[ALL] = True
            click.echo(ctx.get_help(), color=ctx.color)
            ctx.exit()

    return click.Option(
        ["--help-all"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=show,
        help="Show all options, by topic.",
    )


def _is_help(option: click.Parameter) -> bool:
    return bool({"--help", "--help-all"} & set(option.opts))


def _options(parameters: list[click.Parameter]) -> list[click.Parameter]:
    return [one for one in parameters if isinstance(one, click.Option)]


def _by_topic(options: list[click.Parameter]) -> list[tuple[str, list[click.Parameter]]]:
    """The topics that have options, with these, in the order of `TOPICS`."""
    placed = {name for names in TOPICS.values() for name in names}
    found = [(topic, [o for o in options if o.name in names]) for topic, names in TOPICS.items()]
    found.append(("Other", [one for one in options if one.name not in placed]))
    return [(topic, chosen) for topic, chosen in found if chosen]


def _write(
    ctx: click.Context, formatter: click.HelpFormatter, topic: str, options: list[click.Parameter]
) -> None:
    records = [record for one in options if (record := one.get_help_record(ctx)) is not None]
    with formatter.section(topic):
        formatter.write_dl(records)
