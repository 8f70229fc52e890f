"""What a check raises, and what ends a run before it begins."""

from collections.abc import Sequence

from specbus.verify.record import Step


class Broken(Exception):
    """The server does not keep the contract. The text is a sentence for a person."""

    def __init__(
        self, problem: str, *, rule: str = "", steps: Sequence[Step] | None = None, reproduce: str = ""
    ) -> None:
        """`rule`, `steps` and `reproduce` replace those of the check and of what is on record."""
        super().__init__(problem)
        self.problem = problem
        self.rule = rule
        self.steps = steps
        self.reproduce = reproduce


class Unanswered(Broken):
    """No answer came, or none that can be read."""


class TimedOut(Broken):
    """The server did not send in time what was waited for."""


class Closed(Broken):
    """The server closed a connection that it should have kept."""

    def __init__(self, problem: str, code: int) -> None:
        """`code` is the close code (RFC 6455, 7.4); 1006 if none came."""
        super().__init__(problem)
        self.code = code


class Skipped(Exception):
    """The check does not apply to this server. The text says why."""


class NotOffered(Skipped):
    """What a check asks for is nothing that the server has, as the profile of the run says."""


class CouldNotCheck(Exception):
    """The check itself failed, which says nothing of the server. The text is for a person: no traceback is shown."""


class Ended(BaseException):
    """Nothing more is to be asked of the server in this run. The text is the reason why the rest of it is skipped.

    No Exception: neither a check nor Hypothesis may take it for something of the server's.
    """


class TimeUp(Ended):
    """The time of the run is over."""


class Interrupted(Ended):
    """A signal came."""

    def __init__(self, reason: str, number: int) -> None:
        """`number` is the signal's."""
        super().__init__(reason)
        self.number = number


class CannotRun(Exception):
    """The checks cannot run at all. The text is one line."""


def raise_all(found: list[Broken]) -> None:
    """Raise what was found: one as it is, several as a group; nothing if there is nothing."""
    if len(found) == 1:
        raise found[0]
    if found:
        raise ExceptionGroup("what is broken", found)
