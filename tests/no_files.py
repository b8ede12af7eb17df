"""What may stand where a file is expected, and is none that can be read."""

from __future__ import annotations

import contextlib
import os
import socket


def pipe(path):
    os.mkfifo(path)


def link_to_a_device(path):
    path.symlink_to("/dev/zero")


def link_to_a_link(path):
    """A link that leads to a device by way of another."""
    other = path.with_name("other link")
    other.symlink_to("/dev/zero")
    path.symlink_to(other)


def unix_socket(path):
    # Its name may have 100 characters: it is bound under a short one.
    with socket.socket(socket.AF_UNIX) as bound, contextlib.chdir(path.parent):
        bound.bind(path.name)


def huge(path):
    """A file that takes no room on the disk."""
    with path.open("wb") as file:
        file.truncate(2**40)


NO_FILES = {
    pipe: "a named pipe",
    link_to_a_device: "it is a device, not a file",
    link_to_a_link: "it is a device, not a file",
    unix_socket: "it is a socket, not a file",
    huge: "it is longer than 67,108,864 bytes",
}
