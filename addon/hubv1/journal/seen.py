"""What was seen besides the calls that were written down."""

from dataclasses import dataclass


@dataclass(slots=True)
class Seen:
    """How much traffic there was, so that no legacy call and nothing seen are not the same."""

    flows: int = 0
    """All flows, legacy or not."""
    still_served: int = 0
    """v1 calls that Hub itself still answers."""
    rejected_tls: int = 0
    """TLS handshakes for a legacy host that the client broke off: it does not trust the CA."""
