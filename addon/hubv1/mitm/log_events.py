"""mitmproxy's deprecated `add_log` event, fired for the bridge's lines only where it is heard."""

import logging

from mitmproxy.addonmanager import AddonManager
from mitmproxy.log import LegacyLogEvents

_PACKAGE = f"{__name__.partition('.')[0]}."


class _IfHeard(logging.Filter):
    """Lets the package's lines become events where an addon has the hook.

    For each line mitmproxy formats it a second time, wakes the event loop and asks all of its
    addons, none of which listens: that costs more CPU time than all else the bridge does for a
    call that it answers from its cache.
    """

    def __init__(self, addons: AddonManager) -> None:
        super().__init__()
        self._addons = addons

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether mitmproxy is to fire the event for this record."""
        if not record.name.startswith(_PACKAGE):
            return True
        return any(hasattr(addon, "add_log") for addon in self._addons.lookup.values())


def spare_log_events(addons: AddonManager) -> None:
    """Have no event fired for the package's lines while nobody listens."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, LegacyLogEvents):
            # Of a package that was loaded before, perhaps, whose class is another.
            of_ours = [each for each in handler.filters if type(each).__name__ == _IfHeard.__name__]
            for each in of_ours:
                handler.removeFilter(each)
            handler.addFilter(_IfHeard(addons))
