"""Defaults of options from ``[tool.rlaudit]`` in a pyproject.toml.

The nearest one counts, in the working folder or above it. A key of the table itself holds for
every command that has such an option; a table named after a command holds for that one::

    [tool.rlaudit]
    wait = 30

    [tool.rlaudit.train]
    num-envs = 4

The command line comes first, then the environment (``RLAUDIT_*``), then this.
"""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

from rlaudit.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path


def read_defaults(folder: Path) -> tuple[Path | None, dict[str, Any]]:
    """Return the nearest pyproject.toml that has ``[tool.rlaudit]``, and that table.

    Raises:
        ConfigError: if the file cannot be read or is no TOML, and names rlaudit.
    """
    for place in (folder, *folder.parents):
        path = place / "pyproject.toml"
        if not path.is_file():
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        if "tool.rlaudit" not in text:
            continue
        try:
            table = tomllib.loads(text).get("tool", {}).get("rlaudit")
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"{path} is not TOML: {error}") from error
        if isinstance(table, dict):
            return path, table
    return None, {}


def for_command(
    path: Path | None,
    table: Mapping[str, Any],
    command: str,
    commands: Collection[str],
    options: Collection[str],
) -> dict[str, Any]:
    """Return the defaults of one command by option name, from the table of ``path``.

    Args:
        path: the file, for messages.
        table: its ``[tool.rlaudit]``.
        command: the command that is called.
        commands: all commands.
        options: names of the command's options, with underscores.

    Raises:
        ConfigError: if a table names no command, or a key in it no option of that command.
    """
    tables = {key: value for key, value in table.items() if isinstance(value, dict)}
    for key in tables:
        if key not in commands:
            hint = did_you_mean(key, commands)
            raise ConfigError(f"{path}: [tool.rlaudit.{key}] names no command", hint=hint)
    defaults = {}
    for key, value in table.items():
        name = key.replace("-", "_")
        if key not in tables and name in options:
            defaults[name] = value
    for key, value in tables.get(command, {}).items():
        name = key.replace("-", "_")
        if name not in options:
            hint = did_you_mean(name, options).replace("_", "-")
            raise ConfigError(
                f"{path}: {key} in [tool.rlaudit.{command}] is no option of rlaudit {command}",
                hint=hint,
            )
        defaults[name] = value
    return defaults
