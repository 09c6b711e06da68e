"""Errors that a user can mend; each message stands by itself."""


class DaogouError(Exception):
    """Base: the command line prints the message without a traceback."""


class DataError(DaogouError):
    """Data is bad; names the file, row or column, the value, what may be."""


class GateError(DaogouError):
    """A gate failed; names each metric, its value and its threshold."""


class MissingDependencyError(DaogouError):
    """Something that must be installed or built first is not there."""
