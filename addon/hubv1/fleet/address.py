"""What may stand in `hub_fleet`."""

from hubv1.journal import JournalError, Place
from hubv1.journal.database_url import DatabaseUrlError, read_database_url

_EXAMPLE = "a URL such as postgresql+psycopg://bridge@db.example/hub"


def check_address(url: str, journal: str) -> None:
    """Raise JournalError where `url` is not that of a fleet's database, or the journal, given as
    in `hub_journal`, cannot be shipped.

    No sentence shows the URL: what is wrong with it may be in its password.
    """
    try:
        database = read_database_url(url)
    except DatabaseUrlError:
        raise JournalError(
            f"hub_fleet takes {_EXAMPLE}; an @ in a password is written as %40 there, / as %2F, "
            "? as %3F and # as %23."
        ) from None
    if not database.is_postgresql:
        raise JournalError(f"hub_fleet takes {_EXAMPLE}.")
    if Place(journal).file is None:
        raise JournalError(
            "hub_fleet ships a journal that is a file, and hub_journal names a server's database: "
            "leave one of them out."
        )
