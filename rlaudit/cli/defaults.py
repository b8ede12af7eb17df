"""Defaults of options from ``[tool.rlaudit]`` in a pyproject.toml.

The nearest one counts, in the working folder or above it. A key of the table itself holds for
every command that has such an option; a table named after a command holds for that one::

    [tool.rlaudit]
    wait = 30

    [tool.rlaudit.train]
    num-envs = 4

The command line comes first, then the environment (``RLAUDIT_*``), then this. A hyphen in a key may
be an underscore. What no command understands is refused, whichever command is called: a key that
is mistyped would change nothing, and nobody would notice.
"""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

from rlaudit.errors import ConfigError, did_you_mean
from rlaudit.files import read_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    Options = Mapping[str, Any]
    """The parameters of a command, as Typer describes them, by name with underscores."""

_KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


def read_defaults(folder: Path) -> tuple[Path | None, dict[str, Any]]:
    """Return the nearest pyproject.toml that has ``[tool.rlaudit]``, and that table.

    Raises:
        ConfigError: if a file that is nearer cannot be read, is no TOML and names rlaudit, or if
            what it calls ``tool.rlaudit`` is no table.
    """
    for place in (folder, *folder.parents):
        path = place / "pyproject.toml"
        try:
            raw = read_bytes(path) if path.exists() and not path.is_dir() else b""
        except OSError as error:
            raise ConfigError(
                f"cannot read {path}: {error.strerror}", hint="it may have options for rlaudit"
            ) from error
        if b"rlaudit" not in raw:
            continue
        tool = _parsed(path, raw).get("tool")
        if not isinstance(tool, dict) or "rlaudit" not in tool:
            continue
        if not isinstance(tool["rlaudit"], dict):
            raise ConfigError(
                f"{path}: tool.rlaudit is {_named(tool['rlaudit'])}, and must be a table",
                hint="write [tool.rlaudit], once",
            )
        return path, tool["rlaudit"]
    return None, {}


def for_command(
    path: Path | None,
    table: Mapping[str, Any],
    command: str,
    options: Options,
    everything: Callable[[], Mapping[str, Options]],
) -> dict[str, Any]:
    """Return the defaults of one command by option name, from the table of ``path``.

    Args:
        path: the file, for messages.
        table: its ``[tool.rlaudit]``.
        command: the command that is called.
        options: the options of that command.
        everything: gives those of every command. It is called only if the table says more than is
            for the command that is called, as it takes the import of all commands (40 ms).

    Raises:
        ConfigError: for whatever in the table has no meaning for any command, or a value of
            another type than its option.
    """
    tables = {key: value for key, value in table.items() if isinstance(value, dict)}
    shared = _Table(path, "", {key: table[key] for key in table if key not in tables})
    own = _Table(path, command, tables.pop(command, {}))
    if tables or not (shared.values.keys() | own.values.keys()) <= options.keys():
        others = [_Table(path, *item) for item in tables.items()]
        _refuse_meaningless(shared, [own, *others], everything())
    for part in (shared, own):
        part.refuse_types(options)
    return {
        name: value
        for part in (shared, own)
        for name, value in part.values.items()
        if name in options
    }


class _Table:
    """One table of the file, ``command``'s or the shared one, its keys with underscores.

    Raises :class:`ConfigError` for a key that stands there in both spellings.
    """

    def __init__(self, path: Path | None, command: str, table: Mapping[str, Any]) -> None:
        self.command = command
        self.where = f"[tool.rlaudit{'.' * bool(command)}{command}]"
        self.values: dict[str, Any] = {}
        self._path = path
        self._keys: dict[str, str] = {}
        for key, value in table.items():
            name = key.replace("-", "_")
            if name in self.values:
                raise self.error(
                    f"{self._keys[name]} and {key} in {self.where} are one option", "keep one"
                )
            self.values[name] = value
            self._keys[name] = key

    def error(self, message: str, hint: str) -> ConfigError:
        return ConfigError(f"{self._path}: {message}", hint=hint)

    def refuse_others(
        self, options: Options, of: str = "any command", elsewhere: Collection[str] = ()
    ) -> None:
        """Refuse keys that are not among ``options``; ``elsewhere`` are those of any command."""
        for name, key in self._keys.items():
            if name in options:
                continue
            called = next((n for n, p in options.items() if f"--{_flag(name)}" in p.opts), "")
            if called:
                hint = f"it is called {_flag(called)} here"
            elif name in elsewhere:
                hint = "other commands have such an option"
            else:
                hint = did_you_mean(_flag(name), map(_flag, options))
            raise self.error(f"{key} in {self.where} is no option of {of}", hint)

    def refuse_types(self, options: Options) -> None:
        """Refuse values that are of another type than those of ``options`` that they are for."""
        for name, value in self.values.items():
            if name in options and not _fits(value, options[name]):
                raise self.error(
                    f"{self._keys[name]} in {self.where} must be {_wanted(options[name])}, not "
                    f"{_named(value)}",
                    "",
                )


def _refuse_meaningless(
    shared: _Table, tables: list[_Table], commands: Mapping[str, Options]
) -> None:
    """Refuse what is for no command, and values that suit none."""
    anywhere: dict[str, Any] = {}
    for options in commands.values():
        for name, option in options.items():
            if name not in anywhere or _fits(shared.values.get(name), option):
                anywhere[name] = option
    shared.refuse_others(anywhere)
    shared.refuse_types(anywhere)
    for table in tables:
        if table.command not in commands:
            below = [c for c in commands if c.startswith(f"{table.command}-")]
            hint = f"[tool.rlaudit.{below[0]}] is one" if below else ""
            raise table.error(
                f"{table.where} names no command", hint or did_you_mean(table.command, commands)
            )
        table.refuse_others(commands[table.command], "that command", anywhere)
        table.refuse_types(commands[table.command])


def _flag(name: str) -> str:
    return name.replace("_", "-")


def _fits(value: object, option: Any) -> bool:
    """Say whether ``value`` is what the file may say of ``option``."""
    if isinstance(value, list):
        # An empty list is a list of nothing; one value cannot come of it.
        several = option.nargs == -1 or getattr(option, "multiple", False)
        return (
            _is_list(option)
            and bool(value or several)
            and not any(isinstance(item, list) or not _fits(item, option) for item in value)
        )
    kind = _kind(option)
    if isinstance(value, bool) or kind is bool:
        return isinstance(value, bool) and kind is bool
    return isinstance(value, (int, float) if kind is float else kind)


def _is_list(option: Any) -> bool:
    # A project may have several folders of checks, and a new one goes to the first.
    several = option.param_type_name == "option" and option.multiple
    return bool(option.nargs == -1 or several or option.name == "checks")


def _kind(option: Any) -> type:
    annotation = option.type_descriptor.annotation
    return annotation if annotation in (bool, int, float) else str


def _wanted(option: Any) -> str:
    kind = _KINDS[_kind(option)]
    return f"{kind} or a list of them" if _is_list(option) else kind


def _named(value: object) -> str:
    """Return a value as one reads it in a message."""
    if isinstance(value, dict):
        return "a table"
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _parsed(path: Path, raw: bytes) -> dict[str, Any]:
    try:
        return tomllib.loads(raw.decode())
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8, as TOML must be: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error
