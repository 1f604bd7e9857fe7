"""What stays on disk between stages (pyarrow, filelock)."""

from lookalike.library.folder import (
    FORMAT,
    FRESH,
    HEADER,
    MAX_HEADER,
    ROOTS,
    VERSION,
    WORKING,
    LibraryFolder,
    Stage,
    fingerprint,
)
from lookalike.library.lock import LOCK
from lookalike.library.tables import arrow_stream, digest, parquet_columns

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
    "digest",
    "fingerprint",
    "parquet_columns",
]
