"""Why a run has no result."""


class CannotRun(Exception):
    """The benchmark cannot run at all. The text is one line."""


class Failed(Exception):
    """The server failed while the benchmark ran. The text is one line."""
