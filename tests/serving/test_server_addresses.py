from __future__ import annotations

import socket

import pytest

from rlaudit.errors import UsageError
from rlaudit.serving import Address, open_socket


@pytest.mark.parametrize(
    "header", ["127.0.0.1:8520", "localhost:8520", "LOCALHOST:8520", "[::1]:8520", "127.0.0.2:8520"]
)
def test_loopback_answers_to_its_own_names(header):
    assert Address("127.0.0.1", 8520).may_name(header)


@pytest.mark.parametrize(
    "header",
    [
        "evil.example:8520",
        "127.0.0.1.evil.example:8520",
        "localhost.evil.example:8520",
        "192.168.0.5:8520",
        "127.0.0.1:80",
        "127.0.0.1",
        "[::1]",
        "",
        ":8520",
        "127.0.0.1:",
        "127.0.0.1:\uff18\uff15\uff12\uff10",
        "127.0.0.1:8520:8520",
        "user@127.0.0.1:8520",
    ],
)
def test_loopback_answers_to_no_other_name(header):
    assert not Address("127.0.0.1", 8520).may_name(header)


@pytest.mark.parametrize(
    ("host", "header", "may"),
    [
        ("192.168.0.5", "192.168.0.5:81", True),
        ("0.0.0.0", "10.1.2.3:81", True),
        ("0.0.0.0", f"{socket.gethostname()}:81", True),
        ("box.example", "box.example:81", True),
        ("box.example", "Box.Example:81", True),
        ("0.0.0.0", "evil.example:81", False),
        ("192.168.0.5", "evil.example:81", False),
    ],
)
def test_elsewhere_an_address_or_a_name_of_the_machine_is_asked_for(host, header, may):
    assert Address(host, 81).may_name(header) is may


def test_port_80_need_not_be_named():
    assert Address("127.0.0.1", 80).may_name("127.0.0.1")


@pytest.mark.parametrize(
    ("host", "url", "loopback"),
    [
        ("127.0.0.1", "http://127.0.0.1:81/", True),
        ("::1", "http://[::1]:81/", True),
        ("localhost", "http://localhost:81/", True),
        ("0.0.0.0", "http://0.0.0.0:81/", False),
        ("box.example", "http://box.example:81/", False),
    ],
)
def test_an_address_knows_its_url_and_who_reaches_it(host, url, loopback):
    address = Address(host, 81)
    assert (address.url, address.is_loopback) == (url, loopback)


def test_port_0_is_one_that_is_free_and_a_taken_one_is_named():
    opened, address = open_socket("127.0.0.1", 0)
    with opened:
        assert address.port > 0
        with pytest.raises(UsageError) as caught:
            open_socket("127.0.0.1", address.port)
    assert str(caught.value) == f"port {address.port} of 127.0.0.1 is taken"
    assert "--port" in caught.value.hint


def test_a_host_that_is_not_ours_is_named():
    # 192.0.2.0/24 is for documentation, and no machine's.
    with pytest.raises(UsageError, match=r"cannot listen on 192\.0\.2\.1, port 0: "):
        open_socket("192.0.2.1", 0)
