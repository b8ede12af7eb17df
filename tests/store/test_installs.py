"""Both kinds of install find the SQL files, and the editable one finds the checkout's."""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from rlaudit.sqlfiles import read_sql, sql_root

CHECKOUT = Path(__file__).resolve().parents[2]
SHOW = "from rlaudit.sqlfiles.locate import read_sql, sql_root; print(sql_root()); "
SHOW += "print(read_sql('schema/raw.sql').splitlines()[0])"


def test_a_checkout_reads_its_own_files():
    if not (sql_root().parent / "pyproject.toml").is_file():
        pytest.skip("the tests run against an installed wheel")
    assert sql_root() == CHECKOUT / "sql"
    assert read_sql("schema/raw.sql") == (CHECKOUT / "sql/schema/raw.sql").read_text("utf-8")


@pytest.fixture
def copy(tmp_path):
    target = tmp_path / "checkout"
    kept = shutil.ignore_patterns("__pycache__")
    for folder in ("rlaudit", "sql"):
        shutil.copytree(CHECKOUT / folder, target / folder, ignore=kept)
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(CHECKOUT / file, target / file)
    return target


@pytest.fixture
def install(tmp_path, copy):
    """Return a function that installs the copy without its dependencies, and shows what it reads.

    The parser that the package imports with its SQL files needs none of them.
    """

    def run(*options):
        venv.create(tmp_path / "venv", with_pip=True)
        scripts = "Scripts" if sys.platform == "win32" else "bin"
        python = str(tmp_path / "venv" / scripts / "python")
        pip = [python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        subprocess.run([*pip, "--no-deps", *options, str(copy)], check=True)

        def show():
            # Elsewhere than in a checkout, whose packages would be found first.
            command = [python, "-P", "-c", SHOW]
            shown = subprocess.run(
                command, check=True, capture_output=True, text=True, cwd=tmp_path
            )
            return shown.stdout.splitlines()

        return show

    return run


@pytest.mark.slow
def test_a_wheel_carries_the_files(install, copy):
    show = install()
    shutil.rmtree(copy)
    root, first_line = show()
    assert Path(root).parent.name == "rlaudit"
    assert first_line == read_sql("schema/raw.sql").splitlines()[0]


@pytest.mark.slow
def test_an_editable_install_reads_the_checkout_and_not_a_stale_copy(install, copy):
    show = install("--editable")
    file = copy / "sql/schema/raw.sql"
    file.write_text("-- edited since\n" + file.read_text("utf-8"), "utf-8")
    root, first_line = show()
    assert Path(root) == copy / "sql"
    assert first_line == "-- edited since"
