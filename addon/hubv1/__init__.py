"""The Hub v1 bridge: a mitmproxy addon that answers Docker Hub API v1 from API v2.

A call walks through the rooms in this order: `addon` has the hooks, `lifecycle` leads the call
from its first hook to its row, `api.routes` recognises it, `calls` decides what becomes of it and
answers it, `hub` fetches the API v2 values, `api.translation` turns them into v1's bytes, and
`journal` records the call. `report` tells who still calls v1.
"""

from hubv1.text import escape_log_lines

__version__ = "0.1.0"

escape_log_lines()
