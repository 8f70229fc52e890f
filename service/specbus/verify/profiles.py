"""What a server has of what the documents describe, where it has not all of it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Profile:
    """A kind of servers."""

    name: str
    has_rest: bool
    makes_topics: bool
    """Whether topics are created and deleted over HTTP."""

    def refusal(self, *, makes_topics: bool) -> str | None:
        """Why a request, which perhaps makes or deletes a topic, is not sent; None if it is."""
        if not self.has_rest:
            return f"--profile {self.name}: nothing is asked over HTTP"
        if makes_topics and not self.makes_topics:
            return f"--profile {self.name}: no topic is made or deleted"
        return None


FULL = Profile("full", has_rest=True, makes_topics=True)
PROFILES = {
    profile.name: profile
    for profile in (
        FULL,
        Profile("websocket", has_rest=False, makes_topics=False),
        Profile("fixed-topics", has_rest=True, makes_topics=False),
    )
}
"""By name."""
