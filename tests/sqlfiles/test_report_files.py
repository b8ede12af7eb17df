from __future__ import annotations

import re

import duckdb
import pytest

from rlaudit.sqlfiles import parameters_read, sql_root
from rlaudit.sqlfiles.headers import parse_header

REPORTS = sorted((sql_root() / "reports").glob("*.sql"))


@pytest.fixture(params=REPORTS, ids=lambda path: path.stem)
def report(request):
    text = request.param.read_text(encoding="utf-8")
    header = parse_header(
        text, request.param, required=("name", "title", "reads"), optional=("params",)
    )
    return request.param, header, text


def test_a_report_has_a_header_that_names_it(report):
    path, header, _ = report
    assert header.values["name"] == path.stem


def test_a_report_states_its_parameters(report):
    _, header, text = report
    stated = [re.match(r"(\w+) (\w+) = .+$", item)[1] for item in header.items("params")]
    assert set(stated) == set(parameters_read(text))


def test_a_report_is_one_select(report):
    _, _, text = report
    (statement,) = duckdb.extract_statements(text)
    assert statement.type == duckdb.StatementType.SELECT
