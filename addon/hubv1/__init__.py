"""The parts of the Hub v1 bridge, one concept a file.

A call walks through them in this order: `recognition` finds it in the table of `routes`, `policy`
decides what becomes of it, `hub` fetches the API v2 answer, `translation` turns that into v1 bytes,
`journal` writes the call down and `report` tells who still calls v1. `handling` leads it through
them, with `replying` and `recording` for its answer and its row, and `remainder` for what outlives
a reload; those, `mitm` and the hooks in `addon` import mitmproxy. Beside the way of a call, `start`
becomes mitmdump with the bridge, and `check` looks whether the set-up is sound.
"""

from hubv1.logs import install as _install_log_escapes

__version__ = "0.1.0"

_install_log_escapes()
