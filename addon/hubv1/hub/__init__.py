"""The Hub client: complete values from Docker Hub, or a failure that says why not.

It knows nothing of v1.
"""

from hubv1.hub.client import HubClient
from hubv1.hub.connections import Connections
from hubv1.hub.inquiry import Inquiry
from hubv1.hub.messages import Exchange, Reply, Request
from hubv1.hub.transport import Transport

__all__ = ["Connections", "Exchange", "HubClient", "Inquiry", "Reply", "Request", "Transport"]
