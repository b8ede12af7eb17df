"""``rlaudit train``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from rlaudit.cli.options import require_train_extra, with_settings
from rlaudit.cli.output import narrate, note
from rlaudit.cli.parsing import refuse_beside, refuse_given
from rlaudit.errors import (
    EXIT_CLEAN,
    EXIT_FAILED,
    EXIT_FINDINGS,
    EXIT_INTERRUPTED,
    UsageError,
)
from rlaudit.presets import PRESETS, read_config_file, resolve, warnings_about

if TYPE_CHECKING:
    from collections.abc import Callable

    from rlaudit.cli.watch import LiveAudit
    from rlaudit.config import TrainConfig
    from rlaudit.render.training import TrainingDisplay
    from rlaudit.train.progress import Summary

_EXIT_CODES = {
    "finished": EXIT_CLEAN,
    "interrupted": EXIT_INTERRUPTED,
    "failed": EXIT_FAILED,
}


@with_settings
def train(
    context: typer.Context,
    env: Annotated[
        str | None,
        typer.Argument(
            help="breakout, any other ALE game in snake_case, cartpole, or a Gymnasium id."
        ),
    ] = None,
    *,
    db: Annotated[Path, typer.Option(help="DuckDB file to log to.", envvar="RLAUDIT_DB")] = Path(
        "runs.duckdb"
    ),
    name: Annotated[str | None, typer.Option(help="Name of the run, for people.")] = None,
    run_id: Annotated[
        str | None, typer.Option(help="Id of the run; must be new in the file.")
    ] = None,
    log: Annotated[bool, typer.Option("--log/--no-log", help="Write the log.")] = True,
    preset: Annotated[
        str | None, typer.Option(help="Named settings to start from; see --list-presets.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="TOML file of settings; options override it.")
    ] = None,
    list_presets: Annotated[
        bool, typer.Option("--list-presets", help="Print the presets and exit.")
    ] = False,
    show_config: Annotated[
        bool, typer.Option("--show-config", help="Print the settings as TOML and exit.")
    ] = False,
    checkpoint_every: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="STEPS",
            help="Save all that the run needs to go on every so many agent steps and at its end, "
            "in FILE.checkpoints beside the log; the last two are kept.",
        ),
    ] = None,
    resume: Annotated[
        str | None,
        typer.Option(
            metavar="RUN_ID",
            help="Go on with a run of the log from its newest checkpoint, with its own settings.",
        ),
    ] = None,
    audit_every: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="STEPS",
            help="Audit the run so far every so many agent steps and at its end, while it goes on.",
        ),
    ] = None,
    stop_on_error: Annotated[
        bool,
        typer.Option("--stop-on-error", help="End the run at a finding of severity error."),
    ] = False,
    **settings: Any,
) -> None:
    """Train an agent and log what its replay does.

    Every episode, stored transition, update and sampled transition goes to DuckDB. With no option
    but the environment: Rainbow with its six components on Atari, a small one elsewhere. Steps are
    agent steps, summed over all environments.
    """
    if list_presets:
        refuse_beside(context, "--list-presets", besides=["list_presets"])
        typer.echo(_preset_list())
        return
    if stop_on_error and audit_every is None:
        raise UsageError("--stop-on-error needs audits", hint="for example: --audit-every 10000")
    if audit_every is not None and not log:
        raise UsageError("--audit-every reads the log, and --no-log writes none")
    _refuse_meaningless(context, log=log, resume=resume is not None)
    extras = _Extras(checkpoint_every, audit_every, stop_on_error)
    if log and not show_config:
        _refuse_unwritable(db)
    if resume is not None:
        stated = {
            key: value
            for key, value in {**settings, "preset": preset}.items()
            if value is not None and not _is_usual(context, key)
        }
        wanted = (read_config_file(config) if config else {}) | stated
        raise typer.Exit(_resume(resume, db, extras, env, wanted))
    if env is None:
        raise UsageError("no environment is named", hint="for example: rlaudit train breakout")
    stated = {name: value for name, value in settings.items() if value is not None}
    # What a pyproject.toml says holds for many runs: a --config file for this one comes before it.
    usual = {name: stated.pop(name) for name in list(stated) if _is_usual(context, name)}
    from_file = usual | (read_config_file(config) if config else {})
    resolved = _resolve(env, preset, from_file, stated)
    if show_config:
        typer.echo(_as_toml(resolved))
        return
    raise typer.Exit(_train(resolved, db if log else None, name, run_id, extras))


def _refuse_meaningless(context: typer.Context, *, log: bool, resume: bool) -> None:
    """Refuse options that say something of a log or a run which there will not be."""
    if resume:
        refuse_given(
            context,
            "--resume",
            ["name", "run_id", "show_config"],
            why="the run has its own name and settings",
        )
        if not log:
            raise UsageError("--no-log has no meaning with --resume: the run has its own log")
    if not log:
        refuse_given(
            context, "--no-log", ["db", "name", "run_id"], why="they are of the log that is written"
        )


def _refuse_unwritable(db: Path) -> None:
    """Refuse a log that cannot be written before the imports of a training run, which take long."""
    from rlaudit.store import refuse_unwritable

    refuse_unwritable(db.absolute())


def _is_usual(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "DEFAULT_MAP"


def _resolve(
    env: str, preset: str | None, from_file: dict[str, object], from_flags: dict[str, object]
) -> TrainConfig:
    require_train_extra()
    from rlaudit.envs import resolve_env

    found = resolve_env(env)
    return resolve(
        found.name,
        atari=found.is_atari,
        preset=preset,
        from_file=from_file,
        from_flags=from_flags,
        from_env=found.implied,
    )


class _Extras(NamedTuple):
    """What goes on beside the training."""

    checkpoint_every: int | None
    audit_every: int | None
    stop_on_error: bool


def _train(
    config: TrainConfig, db: Path | None, name: str | None, run_id: str | None, extras: _Extras
) -> int:
    from rlaudit.train import run_training

    def run(display: TrainingDisplay, watcher: LiveAudit | None) -> Summary:
        for warning in warnings_about(config):
            display.note(f"warning: {warning}")
        return run_training(
            config,
            db,
            name=name,
            run_id=run_id,
            checkpoint_every=extras.checkpoint_every or 0,
            watcher=watcher,
            on_progress=display.show,
            on_note=display.note,
        )

    return _shown(run, db, extras)


def _resume(
    run_id: str, db: Path, extras: _Extras, env: str | None, wanted: dict[str, object]
) -> int:
    """Resume a run, unless an option or a file asks for other settings than it has."""
    require_train_extra()
    from rlaudit.envs import resolve_env
    from rlaudit.train import resume_training

    if env is not None:
        wanted = {"env": resolve_env(env).name, **wanted}

    def refuse_others(config: TrainConfig) -> None:
        has = config.flat()
        for key, value in wanted.items():
            if has[key] != value:
                raise UsageError(
                    f"{key} is {has[key]!r} in run {run_id}, and {value!r} is asked for",
                    hint="a resumed run goes on with its own settings; leave the option out",
                )

    def run(display: TrainingDisplay, watcher: LiveAudit | None) -> Summary:
        return resume_training(
            run_id,
            db,
            checkpoint_every=extras.checkpoint_every,
            watcher=watcher,
            check_config=refuse_others,
            on_progress=display.show,
            on_note=display.note,
        )

    return _shown(run, db, extras)


def _shown(
    run: Callable[[TrainingDisplay, LiveAudit | None], Summary], db: Path | None, extras: _Extras
) -> int:
    """Show a run's progress and how it ended; return the exit code."""
    from rlaudit.cli.watch import LiveAudit
    from rlaudit.render.training import summary_lines, training_display

    watcher = None
    with training_display() as display:
        if db is not None and extras.audit_every is not None:
            watcher = LiveAudit(
                db,
                every=extras.audit_every,
                stop_on_error=extras.stop_on_error,
                on_note=display.note,
            )
        summary = run(display, watcher)
    if watcher:
        note(watcher.summary())
    for line in summary_lines(summary, str(db) if db else None):
        note(line)
    if summary.problem:
        narrate("error", summary.problem)
    code = _EXIT_CODES[summary.state]
    if watcher is None:
        return code
    if watcher.stopped:
        return EXIT_FINDINGS
    if summary.state == "finished" and watcher.incomplete:
        return EXIT_FAILED
    return EXIT_FINDINGS if summary.state == "finished" and watcher.errors else code


def _preset_list() -> str:
    width = max(map(len, PRESETS))
    return "\n".join(f"{name:<{width}}  {preset.doc}" for name, preset in PRESETS.items())


def _as_toml(config: TrainConfig) -> str:
    # JSON's texts, numbers and booleans are TOML's as well.
    return "\n".join(f"{name} = {json.dumps(value)}" for name, value in config.flat().items())
