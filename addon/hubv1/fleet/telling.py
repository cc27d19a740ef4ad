"""What the log hears of shipping: trouble once, and once that it is over."""

import logging
import time

from hubv1.fleet.standing import Standing
from hubv1.journal import Place
from hubv1.journal.opening import reason_of as said
from hubv1.texts import bounded, printable

logger = logging.getLogger(__name__)

_AGAIN_SECONDS = 60
"""How long a reason is good for several that follow each other, as at a server's restart."""


class Telling:
    """What was said so far."""

    def __init__(self, place: Place) -> None:
        """Nothing yet."""
        self._place = place
        self._reason = ""
        self._said_at = 0.0
        self._is_known = False

    def tell(self, standing: Standing) -> None:
        """Say what is new."""
        if standing.trouble:
            self._trouble(standing)
        elif self._reason and not standing.waiting:
            self._reason = ""
            logger.info("hub fleet: every row that waited is in %s now", self._place)
        elif not self._is_known and not self._reason:
            logger.info("hub fleet: the journal is shipped to %s", self._place)
        self._is_known = True

    def _trouble(self, standing: Standing) -> None:
        now = time.monotonic()
        is_old = self._reason and now - self._said_at < _AGAIN_SECONDS
        if standing.trouble == self._reason or is_old:
            return
        self._reason, self._said_at = standing.trouble, now
        logger.warning(
            "hub fleet: nothing can be shipped to %s: %s. Calls are answered and recorded as "
            "before; %d rows wait in the journal until it works again.",
            self._place,
            standing.trouble,
            standing.waiting,
        )


def reason_of(error: BaseException, place: Place) -> str:
    """What went wrong, in one line and without the fleet's password."""
    text = " ".join(place.without_secrets(said(error)).split())
    return bounded(printable(text)).rstrip(".")
