"""Whether rows reach the fleet, and how many wait for it."""

from contextlib import closing
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from hubv1.check.finding import Finding, skipped, sound, wrong
from hubv1.check.setup import Setup
from hubv1.fleet.outbox import Outbox
from hubv1.fleet.postgres import FleetDatabase
from hubv1.fleet.shipper import reason_of
from hubv1.journal import JournalError, Place
from hubv1.text import number


def fleet(setup: Setup) -> Finding:
    """Whether the fleet's database can be used; nothing is changed there."""
    if not setup.settings.fleet:
        return skipped("fleet", "There is none (hub_fleet is empty).")
    place, waiting = Place(setup.settings.fleet), _waiting(setup.journal.file)
    try:
        with closing(FleetDatabase(place)) as database:
            is_there = database.look()
    except (JournalError, SQLAlchemyError) as error:
        reason = reason_of(error, place)
        return wrong(
            "fleet",
            f"{place} cannot be used: {reason}. Waiting in the journal: {number(waiting, 'row')}.",
            "Look at hub_fleet and at the server; nothing is lost meanwhile.",
        )
    state = "" if is_there else " Its tables will be made at the start."
    return sound("fleet", f"{place} answers; still to be shipped: {number(waiting, 'row')}.{state}")


def _waiting(journal: Path | None) -> int:
    """Rows in that journal; none where it was never shipped, or is not there."""
    if journal is None:
        return 0
    try:
        with closing(Outbox(journal)) as outbox:
            return outbox.waiting()
    except SQLAlchemyError:
        return 0
