"""Who called: the name under which the report groups calls."""

from dataclasses import dataclass

from hubv1.texts import bounded


@dataclass(frozen=True, slots=True)
class Caller:
    """One caller, as far as a call tells."""

    name: str
    """What the caller header says, else the user agent's product at its address."""
    address: str
    user_agent: str


def identify(named: str, user_agent: str, address: str) -> Caller:
    """The caller of a call; `named` is the value of the caller header, empty without one."""
    product = user_agent.split(maxsplit=1)[0] if user_agent.strip() else "no user agent"
    name = named.strip() or f"{product} at {address or 'unknown address'}"
    return Caller(bounded(name), address, bounded(user_agent))
