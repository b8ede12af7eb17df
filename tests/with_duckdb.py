"""Run the test suite with another DuckDB than requirements.lock names.

    python tests/with_duckdb.py 2.0.0 [pytest arguments]

Makes a virtual environment in a temporary folder, installs rlaudit there as the lock says, puts
the asked-for DuckDB over it whatever pyproject.toml excludes, and runs pytest.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main(version: str, *pytest_arguments: str) -> int:
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        scripts = "Scripts" if sys.platform == "win32" else "bin"
        python = str(Path(folder) / scripts / "python")
        install = [python, "-m", "pip", "install", "--quiet"]
        lock = str(ROOT / "requirements.lock")
        subprocess.run([*install, "-c", lock, "-e", f"{ROOT}[dev]"], check=True)
        subprocess.run([*install, "--no-deps", f"duckdb=={version}"], check=True)
        subprocess.run(
            [python, "-c", "import duckdb; print('duckdb', duckdb.__version__)"], check=True
        )
        tests = [python, "-m", "pytest", *(pytest_arguments or ("-q",))]
        return subprocess.run(tests, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
