"""The report while it is being watched: `scripts/report --serve`."""

from hubv1.report.live.address import Address
from hubv1.report.live.server import serve

__all__ = ["Address", "serve"]
