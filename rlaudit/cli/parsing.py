"""How every command reads its words: no option that takes one value may be given twice.

Click keeps the last value and drops the others without a word. The same value twice is refused as
well, and so are both sides of a pair of flags: what was meant is not for a parser to guess. A value
in the environment or in a pyproject.toml besides is no second one; the command line comes first.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from typer.core import TyperCommand, TyperGroup

from rlaudit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import typer


class _Strict:
    """What a command and a group of commands have in common."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters, and ``--debug``, which is typed behind a command that failed."""
        params: list[Any] = super().get_params(ctx)  # type: ignore[misc] # of the other base class
        root = ctx.find_root().command
        return params if self is root else [*params, *(p for p in root.params if p.name == "debug")]

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read ``args`` into ``ctx``.

        Raises:
            UsageError: if an option that takes one value is given twice, naming all of these.
        """
        _, _, order = self.make_parser(ctx).parse_args(list(args))  # type: ignore[attr-defined] # of the other base class
        _refuse_repeated(order)
        rest: list[str] = super().parse_args(ctx, args)  # type: ignore[misc] # of the other base class
        return rest


class Command(_Strict, TyperCommand):
    """A command that does something."""


class Group(_Strict, TyperGroup):
    """A command that has subcommands."""


def is_given(context: typer.Context, name: str) -> bool:
    """Say whether the parameter ``name`` is on the command line."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def given(context: typer.Context, *, besides: Iterable[str] = ()) -> list[str]:
    """Return the options and arguments on the command line as they are called, less ``besides``.

    ``besides`` are names of parameters. What the environment and a pyproject.toml say does not
    count: it holds for many commands and need not suit the mode of this one.
    """
    left_out = {*besides, "debug"}
    return [
        spelling(param)
        for param in context.command.params
        if param.name not in left_out and is_given(context, param.name or "")
    ]


def refuse_beside(
    context: typer.Context, mode: str, *, besides: Iterable[str] = (), why: str = ""
) -> None:
    """Refuse all that is given beside ``mode``, an option by which a command does another thing.

    Raises:
        UsageError: naming everything that would have no meaning.
    """
    if others := given(context, besides=besides):
        verb = "has" if len(others) == 1 else "have"
        raise UsageError(
            f"{' and '.join(others)} {verb} no meaning with {mode}", hint=why or "leave one out"
        )


def refuse_given(context: typer.Context, mode: str, names: Iterable[str], *, why: str = "") -> None:
    """Refuse those of the parameters ``names`` that are given beside ``mode``.

    Raises:
        UsageError: naming them.
    """
    names = set(names)
    others = (param.name for param in context.command.params if param.name not in names)
    refuse_beside(context, mode, besides=[name for name in others if name], why=why)


def refuse_idle_timeout(context: typer.Context, own: object, option: str) -> None:
    """Refuse ``--timeout`` where no SQL of the user's ``own`` runs, which ``option`` would name.

    Raises:
        UsageError: if it is on the command line.
    """
    if not own and is_given(context, "timeout"):
        raise UsageError(
            f"--timeout has no meaning without {option}", hint="it is for queries of your own"
        )


def spelling(param: Any) -> str:
    """Return how a parameter is called on the command line: ``--output/-o``, ``--log/--no-log``."""
    if param.param_type_name == "argument":
        return str(param.metavar or param.name).strip("[]")
    return "/".join((*param.opts, *param.secondary_opts))


def _refuse_repeated(order: Iterable[Any]) -> None:
    """Refuse options of one value that stand in ``order``, that of the words, more than once."""
    counts = Counter(order)
    # --help and --version show something and end, whatever else there is.
    if any(param.is_eager for param in counts):
        return
    repeated = [
        (param, number)
        for param, number in counts.items()
        if number > 1 and not (param.multiple or param.count or param.name == "debug")
    ]
    if repeated:
        times = {2: "twice"}
        raise UsageError(
            " and ".join(
                f"{spelling(param)} is given {times.get(number, f'{number} times')}"
                for param, number in repeated
            ),
            hint="it takes one value: keep one of them"
            if len(repeated) == 1
            else "each takes one value: keep one of them",
        )
