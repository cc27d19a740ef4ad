"""Why an API v2 answer could not be had: one class for each way in which a call can end."""

from typing import ClassVar


class HubFailure(Exception):
    """Hub gave no answer that v1 could be made from. The text is for people."""

    code: ClassVar[str]
    """The failure in one word, for programs."""


class NotFound(HubFailure):
    """Hub says there is no such repository or tag, or none that this caller may see."""

    code = "not_found"


class Unauthorized(HubFailure):
    """Hub wants credentials, or other ones."""

    code = "unauthorized"


class Forbidden(HubFailure):
    """Hub knows what was asked for and refuses it."""

    code = "forbidden"


class PersonalTokenRefused(Forbidden):
    """Hub refuses what is signed in with a personal access token, whatever it was asked for.

    It says nothing of the repository: the registry takes such tokens.
    """


class Incomplete(HubFailure):
    """Part of a list could be had, but not all of it."""

    code = "incomplete"


class TooLong(HubFailure):
    """A list is longer than one answer may be."""

    code = "too_long"


class RateLimited(HubFailure):
    """Hub asked to be left alone for a while."""

    code = "rate_limited"

    def __init__(self, seconds: int) -> None:
        """`seconds` is how long to wait, counted from now."""
        super().__init__(f"Docker Hub limits the rate of requests; try again in {seconds} s")
        self.seconds = seconds


class Unreachable(HubFailure):
    """No connection, no answer in time, or one that broke off."""

    code = "unreachable"


class Nonsense(HubFailure):
    """An answer that is not what API v2 documents."""

    code = "nonsense"


class Loop(HubFailure):
    """The request came back to the bridge that sent it."""

    code = "loop"
