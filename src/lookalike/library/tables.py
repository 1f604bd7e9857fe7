"""Tables as they lie in a library (Parquet), and as they are sent (Arrow)."""

from hashlib import blake2b
from pathlib import Path
from tokenize import TokenError
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np

if TYPE_CHECKING:
    import pandas
    import pyarrow

MAX_TABLE, MAX_ROW = 64 << 20, 4096
"""Bytes: a table that takes more than these and so many for each row, unpacked, is not read."""

DAMAGED = (OSError, EOFError, LookupError, SyntaxError, TypeError, ValueError, BadZipFile, TokenError)
"""What reading a table or an array can end with when it is gone or damaged."""


def arrow_stream(table: "pandas.DataFrame") -> bytes:
    """A table as an Arrow IPC stream, which programs of all languages read; uncompressed, without its index."""
    import pyarrow

    converted = pyarrow.Table.from_pandas(table, preserve_index=False).replace_schema_metadata(None)
    sink = pyarrow.BufferOutputStream()
    with pyarrow.ipc.new_stream(sink, converted.schema) as writer:
        writer.write_table(converted)
    return bytes(sink.getvalue())


def digest(table: "pandas.DataFrame") -> str:
    """What a table holds, in short."""
    import pandas as pd

    return blake2b(pd.util.hash_pandas_object(table, index=False).to_numpy().tobytes(), digest_size=12).hexdigest()


def parquet_columns(path: Path) -> dict[str, str]:
    """The columns of a Parquet file, each ``lists``, ``numbers`` or ``other``; nothing but its end is read."""
    from pyarrow import parquet, types

    def kind(of: Any) -> str:
        of = getattr(of, "storage_type", of)  # of an extension, as tensors are
        if types.is_nested(of):
            return "lists"
        return "numbers" if types.is_integer(of) or types.is_floating(of) else "other"

    return {column.name: kind(column.type) for column in parquet.read_schema(path)}


def as_columns(table: "pyarrow.Table") -> dict[str, np.ndarray]:
    """The columns of a table, objects for text and bytes; Arrow's own ``to_numpy`` would load pandas."""
    return {name: _array(table.column(name).combine_chunks()) for name in table.column_names}


def _array(column: "pyarrow.Array") -> np.ndarray:
    from pyarrow.types import is_integer

    if is_integer(column.type) and not column.null_count:
        return np.from_dlpack(column)
    values = np.empty(len(column), object)
    values[:] = column.to_pylist()
    return values


def read_table(path: Path, rows: Any) -> "pyarrow.Table":
    """A Parquet file; ValueError when it is out of all proportion, or has not so many rows (unless None)."""
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(path) as file:
        found = file.metadata
        if rows is not None and found.num_rows != rows:
            raise ValueError(f"it has {found.num_rows} rows, not {rows}")
        size = sum(found.row_group(group).total_byte_size for group in range(found.num_row_groups))
        if size > MAX_TABLE + MAX_ROW * found.num_rows:
            raise ValueError(f"its {found.num_rows} rows take {size} bytes")
        return file.read()
