"""What stays on disk between stages (pyarrow, filelock)."""

from lookalike.library.folder import (
    FORMAT,
    FRESH,
    HEADER,
    LOCK,
    MAX_HEADER,
    ROOTS,
    VERSION,
    WORKING,
    LibraryFolder,
    Stage,
    fingerprint,
)
from lookalike.library.tables import arrow_stream, parquet_columns

__all__ = [
    "FORMAT",
    "FRESH",
    "HEADER",
    "LOCK",
    "MAX_HEADER",
    "ROOTS",
    "VERSION",
    "WORKING",
    "LibraryFolder",
    "Stage",
    "arrow_stream",
    "fingerprint",
    "parquet_columns",
]
