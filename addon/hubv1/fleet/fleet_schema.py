"""The tables that shipping needs besides the journal's own: some in the journal, some in the fleet.

Those in the journal are made when it is shipped for the first time, with triggers that keep them:
whoever writes to the journal, a bridge without a fleet or an older one, is covered by them. So
the rest of the journal knows nothing of all this.
"""

from sqlalchemy import Boolean, Column, Integer, MetaData, Table, Text

from hubv1.journal import schema
from hubv1.journal.schema import Day, UtcDateTime

local = MetaData()
"""In the journal."""

shipping = Table(
    "shipping",
    local,
    Column("journal_id", Text, nullable=False),
    Column("fleet_id", Text, nullable=False),
    Column("filled_to", Text, nullable=False),
    Column("is_joined", Boolean, nullable=False),
)
"""One row: which journal is shipped to which fleet, empty before it was ever reached; up to which
id the rows that were there before wait in `unshipped`; and whether the fleet has the counts of the
rows that had gone by then."""

unshipped = Table(
    "unshipped",
    local,
    Column("id", Text, primary_key=True),
    sqlite_with_rowid=False,
)
"""Ids of the calls and gaps that the fleet does not have, as far as is known here."""

unshipped_seen = Table(
    "unshipped_seen",
    local,
    Column("hour", UtcDateTime, primary_key=True),
    Column("bridge_id", Text, primary_key=True),
    sqlite_with_rowid=False,
)
unshipped_rejections = Table(
    "unshipped_rejections",
    local,
    Column("day", Day, primary_key=True),
    Column("client_address", Text, primary_key=True),
    Column("server_address", Text, primary_key=True),
    sqlite_with_rowid=False,
)
unshipped_refusals = Table(
    "unshipped_refusals",
    local,
    Column("hour", UtcDateTime, primary_key=True),
    Column("bridge_id", Text, primary_key=True),
    sqlite_with_rowid=False,
)
CHANGING = (
    (schema.seen, unshipped_seen),
    (schema.rejections, unshipped_rejections),
    (schema.refusals, unshipped_refusals),
)
"""Tables whose rows change, and the keys of those rows that have since they were shipped."""

FILLED = "~"
"""Is `filled_to` once there is no row left from before: it sorts after every id."""

_CALL_OR_GAP = """BEGIN
    INSERT INTO unshipped SELECT NEW.id
    WHERE NOT EXISTS (SELECT 1 FROM unshipped WHERE id = NEW.id);
END"""
_SEEN = """BEGIN
    INSERT INTO unshipped_seen SELECT NEW.hour, NEW.bridge_id
    WHERE NOT EXISTS (
        SELECT 1 FROM unshipped_seen WHERE hour = NEW.hour AND bridge_id = NEW.bridge_id
    );
END"""
_REFUSAL = """BEGIN
    INSERT INTO unshipped_refusals SELECT NEW.hour, NEW.bridge_id
    WHERE NOT EXISTS (
        SELECT 1 FROM unshipped_refusals WHERE hour = NEW.hour AND bridge_id = NEW.bridge_id
    );
END"""
_REJECTION = """BEGIN
    INSERT INTO unshipped_rejections SELECT NEW.day, NEW.client_address, NEW.server_address
    WHERE NOT EXISTS (
        SELECT 1 FROM unshipped_rejections WHERE day = NEW.day
        AND client_address = NEW.client_address AND server_address = NEW.server_address
    );
END"""
TRIGGERS = {
    "ship_call": f"AFTER INSERT ON calls {_CALL_OR_GAP}",
    "ship_gap": f"AFTER INSERT ON gaps {_CALL_OR_GAP}",
    "ship_seen": f"AFTER INSERT ON seen {_SEEN}",
    "ship_seen_again": f"AFTER UPDATE ON seen {_SEEN}",
    "ship_rejection": f"AFTER INSERT ON rejections {_REJECTION}",
    "ship_rejection_again": f"AFTER UPDATE ON rejections {_REJECTION}",
    "ship_refusal": f"AFTER INSERT ON refusals {_REFUSAL}",
    "ship_refusal_again": f"AFTER UPDATE ON refusals {_REFUSAL}",
    # No longer than counts, so that a fleet which is given up does not fill the disk.
    "keep_unshipped": """BEFORE DELETE ON calls
        WHEN OLD.started_at >= datetime('now', '-400 days') AND (
            OLD.id > (SELECT filled_to FROM shipping) OR OLD.id IN (SELECT id FROM unshipped)
        ) BEGIN SELECT RAISE(IGNORE); END""",
    "forget_call": "AFTER DELETE ON calls BEGIN DELETE FROM unshipped WHERE id = OLD.id; END",
    "forget_gap": "AFTER DELETE ON gaps BEGIN DELETE FROM unshipped WHERE id = OLD.id; END",
}
"""What SQLite is to do by itself, by name. None of it may fail, or the call would not be recorded;
and OR IGNORE does not hold in a trigger of an upsert."""

shared = MetaData()
"""In the fleet's database."""

fleet = Table("fleet", shared, Column("id", Text, primary_key=True))
"""One row, which tells this fleet from every other."""

journals = Table(
    "journals",
    shared,
    Column("id", Text, primary_key=True),
    Column("bridge_id", Text, nullable=False),
    Column("joined_at", UtcDateTime, nullable=False),
    Column("shipped_at", UtcDateTime, nullable=False),
    Column("waiting", Integer, nullable=False),
)
"""The journals that are shipped here: since when, by which bridge and when last, and how many rows
waited then."""

rejections_of_journals = Table(
    "rejections_of_journals",
    shared,
    Column("journal_id", Text, primary_key=True),
    Column("day", Day, primary_key=True),
    Column("client_address", Text, primary_key=True),
    Column("server_address", Text, primary_key=True),
    Column("times", Integer, nullable=False),
)
"""How much of `rejections` came from which journal: without it nobody could tell what is new."""
