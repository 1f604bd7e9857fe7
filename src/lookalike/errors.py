"""Every error a user can meet, as one tree.

A message says what happened, what was expected and what to do, and names the file or the argument. The command line
prints it as one line and exits with 1; in Python each is an exception of the class below.
"""


class LookalikeError(Exception):
    """The root: catch this to catch everything that Lookalike raises on purpose."""


class SettingError(LookalikeError, ValueError):
    """An argument has a value that cannot be used."""


class FolderError(LookalikeError):
    """The folder of pictures is missing, unreadable, or holds nothing that could be read."""


class ImageError(LookalikeError):
    """A picture could not be read; the message is the reason alone, fit for the table of skipped files."""


class ModelError(LookalikeError):
    """A model is unknown, damaged, or cannot do what was asked (decode without a decoder, say)."""


class LibraryError(LookalikeError):
    """A library is missing, damaged, or not finished far enough for what was asked."""


class LibraryBusyError(LibraryError):
    """Another process is writing to the library."""


class LibraryVersionError(LibraryError):
    """The library was written in a format that this version does not read."""


class MissingExtraError(LookalikeError, ImportError):
    """An optional dependency is not installed; the message names the command that installs it."""
