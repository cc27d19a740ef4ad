"""The Hub client: complete values from Docker Hub, or a failure that says why not.

It knows nothing of v1.
"""

from hubv1.hub.client import HubClient
from hubv1.hub.credentials import (
    ANONYMOUS,
    LONGEST_SECRET,
    MASK,
    Anonymous,
    Basic,
    Credentials,
    read_credentials,
)
from hubv1.hub.exchange import Exchange, Observer, Reply, Request, RequestBudget
from hubv1.hub.http import Connections, Transport
from hubv1.hub.registry import Registry

__all__ = [
    "ANONYMOUS",
    "LONGEST_SECRET",
    "MASK",
    "Anonymous",
    "Basic",
    "Connections",
    "Credentials",
    "Exchange",
    "HubClient",
    "Observer",
    "Registry",
    "Reply",
    "Request",
    "RequestBudget",
    "Transport",
    "read_credentials",
]
