"""``rlaudit serve``, asked by a client over loopback."""

from __future__ import annotations

import json
import signal
import socket

import pytest

from rlaudit.cli import main
from rlaudit.render import extras


def page(server):
    """The page, once there is one."""

    def made():
        status, _, body = server.ask()
        return body.decode() if status == 200 else ""

    return server.wait_until(made)


def state(server):
    return json.loads(server.ask("/state")[2])


def test_the_page_is_made_again_when_the_log_has_changed(log_file, log, served):
    server = served(log, "--port", "0", "--no-audit", "--every", "1")
    assert server.said == f"{log} is shown at {server.url}\n"
    first = page(server)
    assert "first" in first
    assert "second" not in first
    before = state(server)
    assert before["problem"] == ""
    assert f'data-state="{before["state"]}"' in first
    _, writing = log_file
    with writing() as rows:
        rows.add_run("second")
    server.wait_until(lambda: state(server)["state"] != before["state"])
    assert "second" in page(server)


def test_checks_of_ones_own_are_on_the_page(log, served, tmp_path):
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "any_run.sql").write_text(
        "-- name: any_run\n-- title: A log with a run\n-- severity: error\n-- reads: runs\n"
        "-- grain: run_id\n-- groups: runs\n-- diagnosis: run {run_id} is there\n"
        "-- why: it is a test.\n\nSELECT run_id FROM runs\n",
        encoding="utf-8",
    )
    server = served(log, "--port", "0", "--checks", str(folder))
    assert "run first is there" in page(server)


def test_a_log_that_is_gone_is_said_and_the_last_page_stays(log, served):
    server = served(log, "--port", "0", "--no-audit", "--every", "1")
    shown = page(server)
    log.unlink()
    problem = server.wait_until(lambda: state(server)["problem"])
    assert problem.startswith(f"{log} does not exist")
    assert page(server) == shown


def test_a_locked_log_is_shown_when_it_is_free_again(log, served, held):
    with held(log) as holder:
        server = served(log, "--port", "0", "--no-audit", "--every", "1")
        problem = server.wait_until(lambda: state(server)["problem"])
        status, _, body = server.ask()
        assert f"is held open by process {holder.pid}" in problem
        assert status == 503
        assert b"is held open by process" in body
    assert "first" in page(server)


def test_only_its_own_names_and_reading_are_answered(log, served):
    server = served(log, "--port", "0", "--no-audit")
    port = server.port
    for host in (f"evil.example:{port}", "evil.example", f"192.168.0.5:{port}", ""):
        status, _, body = server.ask(host=host)
        assert (status, b"read" in body) == ((400 if host == "" else 421), False)
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        for path in ("/", "/state"):
            status, headers, _ = server.ask(path, method=method)
            assert (status, headers["allow"]) == (405, "GET, HEAD")
    for path in ("/runs.duckdb", "/../runs.duckdb", "//state", "/state/"):
        assert server.ask(path)[0] == 404


def test_every_answer_has_the_headers_and_head_no_body(log, served):
    server = served(log, "--port", "0", "--no-audit")
    page(server)
    for path, status in (("/", 200), ("/state", 200), ("/x", 404)):
        found, headers, _ = server.ask(path)
        assert found == status
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["cache-control"] == "no-store"
        assert not {"server", "access-control-allow-origin"} & headers.keys()
    length = server.ask()[1]["content-length"]
    status, headers, body = server.ask(method="HEAD")
    assert (status, headers["content-length"], body) == (200, length, b"")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_in_silence(log, served, number):
    server = served(log, "--port", "0")
    server.process.send_signal(number)
    said, complained = server.process.communicate(timeout=60)
    assert (said, complained) == ("", "")
    assert server.process.returncode == (130 if number == signal.SIGINT else -number)
    with socket.socket() as again:
        assert again.connect_ex(("127.0.0.1", server.port)) != 0


def test_a_taken_port_is_one_line(log, served, capsys):
    server = served(log, "--port", "0", "--no-audit")
    assert main(["serve", str(log), "--port", str(server.port)]) == 2
    assert capsys.readouterr().err == (
        f"error: port {server.port} of 127.0.0.1 is taken (choose another --port; 0 takes a free "
        "one)\n"
    )


def test_what_can_never_be_shown_is_said_before_it_serves(tmp_path, capsys):
    assert main(["serve", str(tmp_path / "nowhere.duckdb")]) == 2
    assert "nowhere.duckdb does not exist" in capsys.readouterr().err


def test_without_the_extra_it_says_which_one(log, monkeypatch, capsys):
    monkeypatch.setattr(extras, "find_spec", lambda _: None)
    assert main(["serve", str(log)]) == 2
    assert capsys.readouterr().err == (
        "error: rlaudit serve needs uvicorn (pip install 'rlaudit[serve]')\n"
    )
