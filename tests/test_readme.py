from __future__ import annotations

import re
from pathlib import Path

import pytest
from readme_tables import DOCUMENTS, README, ROOT, updated

from rlaudit.cli.app import _COMMANDS


@pytest.fixture(scope="module")
def readme():
    return README.read_text(encoding="utf-8")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_reference_tables_are_up_to_date(document):
    text = document.read_text(encoding="utf-8")
    assert updated(document) == text, "run python tests/readme_tables.py --write"


def test_the_two_commands_stand_where_ci_looks_for_them(readme):
    section = readme.split("\n## The two commands\n", 1)[1].split("\n## ", 1)[0]
    install_and_run, install_and_test = re.findall(r"```sh\n(.*?)```", section, flags=re.DOTALL)
    assert "rlaudit train breakout" in install_and_run
    assert "rlaudit check-duplicates" in install_and_run
    assert "pytest" in install_and_test


@pytest.mark.parametrize("command", sorted(_COMMANDS))
def test_every_command_is_documented(readme, command):
    assert f"`rlaudit {command}" in readme


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_into_the_repository_leads_somewhere(document):
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", document.read_text(encoding="utf-8"))
    assert links
    assert [link for link in links if not (document.parent / link).exists()] == []


def test_the_version_is_stated_once():
    stated = [
        path
        for path in [*Path(ROOT, "rlaudit").rglob("*.py"), ROOT / "pyproject.toml"]
        if re.search(r"""^(__version__|version) = ["']\d""", path.read_text(), flags=re.MULTILINE)
    ]
    assert stated == [ROOT / "rlaudit" / "version.py"]
