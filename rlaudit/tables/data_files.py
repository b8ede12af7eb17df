"""Find the files that a user means by a path or a pattern, and the format of each."""

from __future__ import annotations

import contextlib
import glob
import gzip
import os
import shutil
import stat
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, cast, get_args

from rlaudit.errors import DatabaseError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

Format = Literal["csv", "tsv", "json", "jsonl", "parquet", "duckdb"]

STDIN = "-"

_SUFFIXES: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".duckdb": "duckdb",
    ".db": "duckdb",
}
_COMPRESSED = (".gz", ".zst")
# What a file begins with, when it is not the text that its name promises.
_NO_TEXT = {
    b"PAR1": "a Parquet file",
    b"PK\x03\x04": "a ZIP archive",
    b"BZh": "compressed with bzip2",
    b"\xfd7zXZ\x00": "compressed with xz",
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
}


@dataclass(frozen=True, slots=True)
class DataFile:
    """One file: where its bytes are, how messages call it, and how to read it."""

    path: Path
    name: str
    format: Format

    @contextlib.contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Open the file's text for reading, unpacked if it is compressed.

        Raises :class:`DatabaseError`, here or while it is read, for a file that cannot be read or
        whose compressed text is cut off or damaged.
        """
        import pyarrow as pa  # noqa: PLC0415 - slow to import, and text is read by two formats only

        try:
            with self.path.open("rb") as raw:
                start = raw.read(8)
                raw.seek(0)
                if start.startswith(b"\x1f\x8b"):
                    with gzip.open(raw) as text:
                        yield cast("BinaryIO", text)
                elif start.startswith(b"\x28\xb5\x2f\xfd"):
                    with pa.CompressedInputStream(raw, "zstd") as text:
                        yield text
                else:
                    self._refuse_no_text(start)
                    yield raw
        except EOFError as error:
            raise self._cut() from error
        except OSError as error:
            if "Truncated compressed stream" in str(error):
                raise self._cut() from error
            raise DatabaseError(
                f"cannot read {self.name}: {error.strerror or error}", hint="check the file"
            ) from error

    def _cut(self) -> DatabaseError:
        return DatabaseError(
            f"{self.name} is cut off: its compressed text has no end", hint="copy the file again"
        )

    def _refuse_no_text(self, start: bytes) -> None:
        for mark, what in _NO_TEXT.items():
            if start.startswith(mark):
                hint = "save it as UTF-8" if "UTF-16" in what else "unpack or convert it first"
                if mark == b"PAR1":
                    hint = "add --input-format parquet"
                raise DatabaseError(f"{self.name} is {what}, not {self.format}", hint=hint)


@contextlib.contextmanager
def find_files(
    source: str, input_format: Format | None = None
) -> Iterator[tuple[list[DataFile], list[str]]]:
    """Give the files that ``source`` names, and a sentence on each that is left out.

    ``source`` is a path, a pattern with ``*``, ``?``, ``[...]`` or ``**``, or ``-`` for standard
    input, which is kept in a temporary file, as a named pipe is. A path that exists is never taken
    for a pattern. A file that a pattern finds twice, through a link, is read once.
    ``input_format`` counts more than the suffix.

    Raises :class:`UsageError` for a file whose format is not known, and :class:`DatabaseError` if
    there is no file.
    """
    if input_format is not None and input_format not in get_args(Format):
        raise UsageError(f"unknown input format {input_format!r}", hint="|".join(get_args(Format)))
    with contextlib.ExitStack() as copies:
        if source == STDIN:
            copy = _copied(sys.stdin.buffer, "standard input", input_format)
            yield [copies.enter_context(copy)], []
            return
        paths, notes = _each_once(matching(source))
        yield [_data_file(path, input_format, copies) for path in paths], notes


def _data_file(path: str, input_format: Format | None, copies: contextlib.ExitStack) -> DataFile:
    mode = Path(path).stat().st_mode
    if stat.S_ISREG(mode):
        return DataFile(Path(path), path, input_format or _format_of(path))
    if stat.S_ISFIFO(mode):
        # It can be read once, and a table is read more than once.
        pipe = copies.enter_context(Path(path).open("rb"))  # noqa: SIM115 - the stack closes it
        return copies.enter_context(_copied(pipe, path, input_format))
    raise DatabaseError(f"{path} is a device, not a file", hint="name a file, or - for a pipe")


@contextlib.contextmanager
def _copied(stream: BinaryIO, name: str, input_format: Format | None) -> Iterator[DataFile]:
    if input_format is None:
        raise UsageError(
            f"the format of {name} is not known", hint="add --input-format, such as csv"
        )
    with tempfile.TemporaryDirectory(prefix="rlaudit-", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "copy"
        with path.open("wb") as copy:
            shutil.copyfileobj(stream, copy)
        yield DataFile(path, name, input_format)


def matching(source: str) -> list[str]:
    """Return the paths that ``source`` names: itself, if it exists, or what it matches.

    Raises :class:`DatabaseError` if there is none, and for folders.
    """
    if "\0" in source:
        raise DatabaseError("the name of the file has a NUL character", hint="check the path")
    if Path(source).is_dir():
        raise DatabaseError(
            f"{source} is a folder", hint=f"name the files in it: '{source}/*.parquet'"
        )
    if Path(source).exists():
        return [source]
    found = sorted(glob.glob(source, recursive=True))  # noqa: PTH207 - a pattern may be absolute
    if not found:
        if glob.has_magic(source):
            raise DatabaseError(f"no file matches {source}", hint="check the pattern")
        raise DatabaseError(
            f"{source} does not exist, and no file matches it", hint="check the path"
        )
    for path in found:
        if Path(path).is_dir() and not source.endswith("**"):
            raise DatabaseError(
                f"{path}, which matches {source}, is a folder",
                hint=f"name the files in it: '{path}/*'",
            )
    return [path for path in found if not Path(path).is_dir()]


def _each_once(paths: list[str]) -> tuple[list[str], list[str]]:
    first: dict[tuple[int, int], str] = {}
    notes = []
    for path in paths:
        try:
            status = os.stat(path)  # noqa: PTH116 - a name as the user spelt it
        except OSError as error:
            hint = "it is a link to nothing" if Path(path).is_symlink() else "check its rights"
            raise DatabaseError(f"cannot read {path}: {error.strerror}", hint=hint) from error
        key = (status.st_dev, status.st_ino)
        if key in first:
            notes.append(f"{path} is the same file as {first[key]} and is read once")
        else:
            first[key] = path
    return list(first.values()), notes


def _format_of(path: str) -> Format:
    lower = Path(path.lower())
    suffix = Path(lower.stem).suffix if lower.suffix in _COMPRESSED else lower.suffix
    found = _SUFFIXES.get(suffix)
    if found is None:
        with contextlib.suppress(OSError), Path(path).open("rb") as file:
            start = file.read(12)
            if start[8:12] == b"DUCK":
                return "duckdb"
            if start[:4] == b"PAR1":
                return "parquet"
        raise UsageError(
            f"the name of {path} does not say which format it has",
            hint=f"add --input-format {'|'.join(get_args(Format))}",
        )
    return found
