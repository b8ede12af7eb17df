"""Write the page: one HTML file with everything in it.

Its template escapes every text, and shows what is not seen in it. Filters and colour schemes are
CSS (``:has``), so that they work without JavaScript as well; the script adds buttons that copy. The
page forbids itself the network, but for the server that shows it if there is one, and any style or
script but its own, whose hashes its Content-Security-Policy names.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlaudit.render.extras import require
from rlaudit.render.harmless import visible
from rlaudit.render.page.settings import settings_view
from rlaudit.render.page.tables import of_rows, shown
from rlaudit.render.summary import count
from rlaudit.version import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rlaudit.render.page.data import PageData

MOST_LISTED = 100
"""Runs in the table of runs."""
_FOLDER = Path(__file__).parent

_RUN_COLUMNS = {
    "run_id": "run",
    "name": "name",
    "env_id": "environment",
    "state": "state",
    "steps": "agent steps",
    "episodes": "episodes",
    "mean_return": "mean of last 100",
    "rows": "rows",
    "started_at": "started (UTC)",
}


def page_html(data: PageData, *, live: str = "") -> str:
    """Return the page that shows ``data``, as one HTML document.

    With ``live``, its name on the server that it comes from, it asks that server for a newer one.

    Raises :class:`MissingExtraError` without the extra ``plot``.
    """
    for package in ("vl_convert", "altair", "jinja2"):
        require(package, doing="the page")
    import jinja2  # noqa: PLC0415 - an extra

    from rlaudit.render.page import charts  # noqa: PLC0415

    environment = jinja2.Environment(
        autoescape=True,
        finalize=_shown,
        loader=jinja2.FileSystemLoader(_FOLDER),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    css = _text("page.css") + _filters(len(data.drawn))
    script = _text("page.js") + (_text("live.js") if live else "")
    return environment.get_template("page.html").render(
        version=__version__,
        title=f"Replay report: {shown(data.source)}",
        made_at=f"{data.made_at:%Y-%m-%d %H:%M}",
        css=_own(css),
        script=_own(script),
        policy=_policy(css, script, live=bool(live)),
        live=live,
        colour=charts.colour,
        dash=charts.dash,
        incomplete=shown(data.incomplete) if data.incomplete else "",
        shares=_shares(charts.SHARES),
        **_runs_view(data),
        **_curves_view(data),
        **settings_view(data.settings, data.differing),
        audit=_audit_view(data),
    )


def _text(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def _shown(value: Any) -> Any:
    """Return what the template writes of ``value``, which it escapes unless it is ours."""
    return visible(value) if type(value) is str else value


def _own(text: str) -> Any:
    """Return a text of ours for the template, which escapes everything else."""
    from markupsafe import Markup  # noqa: PLC0415 - comes with jinja2

    return Markup(text)  # noqa: S704 - a file of this package


def _policy(css: str, script: str, *, live: bool) -> str:
    """Return a Content-Security-Policy by which only ``css`` and ``script`` take effect."""
    style, code = (
        b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (css, script)
    )
    connect = "connect-src 'self'; "
    return (
        f"default-src 'none'; style-src 'sha256-{style}'; script-src 'sha256-{code}'; "
        f"img-src data:; {live * connect}base-uri 'none'; form-action 'none'"
    )


def _filters(runs: int) -> str:
    """Return the CSS that hides what belongs to runs that are not chosen."""
    lines = [
        # A browser that does not know :has shows everything.
        "@supports selector(:root:has(a)) {",
        ".check { display: none; }",
        ".check:has(.run-other) { display: block; }",
    ]
    for i in range(runs):
        off = f":root:has(#show-{i}:not(:checked))"
        lines += [
            f":root:has(#show-{i}:checked) .check:has(.run-{i}) {{ display: block; }}",
            f"{off} :is(.run-{i}, .run_{i}_marks, .run_{i}_points_marks) {{ display: none; }}",
        ]
    return "\n".join([*lines, "}"]) + "\n"


def _shares(ends: Sequence[float]) -> list[str]:
    """Return what the shades of the heat map stand for."""
    starts = (0.0, *ends)
    return [
        *(f"{start:.0%} to {end:.0%}" for start, end in zip(starts, ends, strict=False)),
        f"{ends[-1]:.0%} or more",
    ]


def _runs_view(data: PageData) -> dict[str, Any]:
    from rlaudit.render.page import replay  # noqa: PLC0415

    listed = data.runs[-MOST_LISTED:]
    note = f"showing {len(listed):,} of {len(data.runs):,} runs, the newest"
    rows = [
        {key: getattr(run, key) for key in _RUN_COLUMNS}
        | {"started_at": f"{run.started_at:%Y-%m-%d %H:%M}" if run.started_at else None}
        for run in listed
    ]
    states = Counter(run.state for run in data.runs)
    counted = ", ".join(f"{number:,} {state}" for state, number in sorted(states.items()))
    drawn = [
        {
            "number": number,
            "id": shown(run),
            "plots": replay.plots(data.replay[run], number),
            "tables": replay.tables(data.replay[run]),
        }
        for number, run in enumerate(data.drawn)
    ]
    different = len({run.run_id for run in data.runs})
    return {
        "runs": of_rows(
            rows, _RUN_COLUMNS, note=note if len(listed) < len(data.runs) else "", heading="Runs"
        ),
        "states": f"{count(len(data.runs), 'run')}: {counted}.",
        "drawn": drawn,
        "drawn_note": (
            f"showing {len(drawn)} of {different:,} runs, the newest; "
            "rlaudit report html --run ID chooses others"
            if len(drawn) < different
            else ""
        ),
    }


def _curves_view(data: PageData) -> dict[str, Any]:
    from rlaudit.render.page import curves  # noqa: PLC0415

    return {
        "groups": curves.groups_view(data.groups),
        "curves": curves.runs_view(data),
        "notes": [shown(note) for note in data.notes],
        "notes_name_options": any("(--" in note for note in data.notes),
    }


def _audit_view(data: PageData) -> dict[str, Any] | None:
    from rlaudit.render.page.findings import findings_view  # noqa: PLC0415

    if data.audit is None:
        return None
    return findings_view(data.audit, {run: number for number, run in enumerate(data.drawn)})
