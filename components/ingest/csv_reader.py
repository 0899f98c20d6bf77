"""CSV files, batch by batch. Every value is text until all rows of the window are there: then its column gets a type."""

import csv
import io
from collections.abc import Iterator

import pandas as pd
import pyarrow as pa
from pyarrow import csv as arrow_csv

from components.ingest.addresses import File, find_files, reading
from components.ingest.latest import latest_of
from components.ingest.times import TimeColumn
from components.ingest.window import Window
from serinus.core.errors import DataInvalid

SUFFIXES = (".csv", ".csv.gz", ".csv.bz2", ".csv.xz", ".csv.zst", ".csv.zip")
BLOCK_BYTES = 1 << 22
# What pandas takes for a missing value.
MISSING = [
    *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN"),
    *("<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"),
]


class CsvReader:
    """Rows of CSV files: UTF-8, commas, a header each. They are read whole, in blocks."""

    text_only = True
    label = None

    def __init__(self, path: str, times: TimeColumn) -> None:
        self.times = times
        self._files = find_files(path, "csv", SUFFIXES)

    def latest(self) -> pd.Timestamp | None:
        """The latest time, after a pass over the time column alone."""
        return latest_of(self.batches([self.times.name], None), self.times)

    def batches(self, columns: list[str], window: Window | None) -> Iterator[pa.Table]:
        """The rows of all files; a text file cannot be asked for a window."""
        for file in self._files:
            with reading(file.address, "csv"):
                yield from self._rows(file, columns)

    def _rows(self, file: File, columns: list[str]) -> Iterator[pa.Table]:
        header = _header(file)
        self.times.require(header, file.address)
        names = [name for name in columns if name in header]
        twice = sorted({name for name in names if header.count(name) > 1})
        if twice:
            raise DataInvalid(f"{file.address} has column {', '.join(twice)} twice; give each column its own name")
        yield pa.table({name: pa.array([], pa.string()) for name in names})
        try:
            with file.stream() as stream:
                for batch in _reader(stream, names):
                    yield pa.Table.from_batches([batch])
        except pa.ArrowInvalid as error:
            if "UTF8" in str(error):
                raise _not_utf8(file) from error
            raise


def _reader(stream: object, names: list[str]) -> arrow_csv.CSVStreamingReader:
    return arrow_csv.open_csv(
        stream,
        # One thread: errors then name the row.
        read_options=arrow_csv.ReadOptions(block_size=BLOCK_BYTES, use_threads=False),
        parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
        convert_options=arrow_csv.ConvertOptions(
            include_columns=names,
            column_types=dict.fromkeys(names, pa.string()),
            null_values=MISSING,
            strings_can_be_null=True,
        ),
    )


def _header(file: File) -> list[str]:
    with file.stream() as stream:
        text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="")
        header = next(filter(None, csv.reader(text)), [])
    if not header:
        raise DataInvalid(f"{file.address} is empty: a CSV file begins with the names of its columns")
    if any("\udc80" <= character <= "\udcff" for name in header for character in name):
        raise _not_utf8(file)
    return header


def _not_utf8(file: File) -> DataInvalid:
    """Where the first byte stands that is not UTF-8."""
    before = 0
    with file.stream() as stream:
        for number, line in enumerate(stream, start=1):
            try:
                line.decode()
            except UnicodeDecodeError as error:
                byte = line[error.start]
                return DataInvalid(
                    f"{file.address} is not UTF-8: byte {before + error.start} (0x{byte:02x}) on line {number}; "
                    "write the file in UTF-8, as with: iconv -f LATIN1 -t UTF-8"
                )
            before += len(line)
    return DataInvalid(f"{file.address} is not UTF-8; write the file in UTF-8")
