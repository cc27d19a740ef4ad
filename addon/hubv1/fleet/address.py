"""What may stand in `hub_fleet`."""

from hubv1.journal import POSTGRESQL, JournalError, Place

_EXAMPLE = "a URL such as postgresql+psycopg://bridge@db.example/hub"


def check_address(url: str, journal: str) -> None:
    """Raise JournalError where `url` is not that of a fleet's database, or the journal, given as
    in `hub_journal`, cannot be shipped.

    No sentence shows the URL: what is wrong with it may be in its password.
    """
    try:
        parts = Place(url).url
    except JournalError as error:
        raise JournalError(
            f"hub_fleet takes {_EXAMPLE}; an @ in a password is written as %40 there."
        ) from error
    if parts.drivername != POSTGRESQL:
        raise JournalError(f"hub_fleet takes {_EXAMPLE}.")
    if Place(journal).file is None:
        raise JournalError(
            "hub_fleet ships a journal that is a file, and hub_journal names a server's database: "
            "leave one of them out."
        )
