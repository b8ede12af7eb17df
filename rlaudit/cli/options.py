"""Command-line options made from the vocabulary of settings.

One option for each setting, so that help, ``--config`` files and the log share one list.
"""

from __future__ import annotations

import inspect
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rlaudit.config import vocabulary
from rlaudit.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rlaudit.config import Setting


def with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Replace ``**settings`` in the command's signature by one option for each setting."""
    signature = inspect.signature(command, eval_str=True)
    own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    taken = {p.name for p in own}
    settings = [_parameter(s) for name, s in vocabulary().items() if name not in taken]
    command.__signature__ = signature.replace(parameters=[*own, *settings])  # type: ignore[attr-defined] # functions have no declared signature
    command.__annotations__ = {p.name: p.annotation for p in (*own, *settings)}
    return command


def require_train_extra() -> None:
    """Refuse a command that trains where the packages for it are not installed.

    Raises:
        MissingExtraError: naming them.
    """
    missing = [name for name in ("torch", "gymnasium", "ale_py") if find_spec(name) is None]
    if missing:
        raise MissingExtraError(
            f"training needs {', '.join(missing)}", hint="pip install 'rlaudit[train]'"
        )


def _parameter(setting: Setting) -> inspect.Parameter:
    flag = f"--{setting.name.replace('_', '-')}"
    option = typer.Option(
        f"{flag}/--no-{flag[2:]}" if setting.type is bool else flag,
        help=f"{setting.doc} [rainbow: {_shown(setting)}]",
        show_default=False,
        metavar="|".join(setting.choices) if setting.choices else None,
        envvar=f"RLAUDIT_{setting.name.upper()}",
        show_envvar=False,
    )
    annotation: Any = Annotated[setting.type | None, option]
    return inspect.Parameter(
        setting.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation
    )


def _shown(setting: Setting) -> str:
    """Return the value in the preset ``rainbow``, which lists no departure from the defaults."""
    if setting.type is bool:
        return "on" if setting.default else "off"
    if setting.type is int:
        return f"{setting.default:,}"
    return f"{setting.default:g}" if setting.type is float else str(setting.default)
