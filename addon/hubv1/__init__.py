"""The parts of the Hub v1 bridge, one concept a file.

A call walks through them in this order: `routes` recognises it, `policy` decides what becomes
of it, `hub` fetches the API v2 answer, `translation` turns that into v1 bytes, `journal` writes
the call down and `report` tells who still calls v1. Only `mitm` imports mitmproxy.
"""

__version__ = "0.1.0"
