"""The faults that the one-machine mode tells its user about."""


class LocalError(Exception):
    """A fault of the one-machine mode, told in one line."""


class EngineBusy(LocalError):
    """Another engine holds the folder."""


class EngineFailed(LocalError):
    """The engine did not start, or there is nothing to start."""
