"""Loaded into the mitmdump of a soak: tells what only its process knows, and sets what only its
console could."""

import asyncio
import gc
import json

from mitmproxy import ctx, http

HOST = "probe.invalid"


class Probe:
    """Answers calls to a host that there is not."""

    def request(self, flow: http.HTTPFlow) -> None:
        """`{"report": PATH, "days": DAYS}`, both optional; answered with what is held."""
        if flow.request.host != HOST:
            return
        wanted = json.loads(flow.request.content or b"{}")
        if "report" in wanted:
            ctx.master.commands.call("hub.report", wanted["report"])
        if "days" in wanted:
            ctx.options.hub_journal_days = wanted["days"]
        gc.collect()
        held = {"tasks": len(asyncio.all_tasks()), "objects": len(gc.get_objects())}
        flow.response = http.Response.make(200, json.dumps(held))


addons = [Probe()]
