"""An earlier JSON report, and who is new, still there and gone since."""

from collections.abc import Collection
from datetime import datetime
from pathlib import Path

import msgspec

from hubv1.journal import Selection
from hubv1.report.model import SCHEMA, Comparison
from hubv1.texts import plainly


class BaselineError(Exception):
    """An earlier report that cannot be compared with, and why, in one sentence."""


class _Caller(msgspec.Struct):
    caller: str


class _Wanted(msgspec.Struct, frozen=True):
    """The names that a report is about; a period is no matter, it moves from report to report."""

    callers: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    repositories: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()


class Earlier(msgspec.Struct):
    """What is needed of an earlier report."""

    schema: str
    generated_at: datetime
    callers: list[_Caller]
    ignored: list[_Caller] = []
    filter: _Wanted = _Wanted()


def read_baseline(path: Path, selection: Selection) -> Earlier:
    """The earlier report in that file, which has to be of the same selection of names.

    Raises BaselineError.
    """
    try:
        content = path.read_bytes()
        schema = msgspec.json.decode(content, type=_Named).schema
        earlier = msgspec.json.decode(content, type=Earlier) if schema == SCHEMA else None
    except OSError as error:
        raise BaselineError(
            f"The earlier report {path} cannot be read: {plainly(error)}."
        ) from error
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise BaselineError(
            f"{path} is no JSON report of this command, which --baseline needs: {error}."
        ) from error
    if earlier is None:
        raise BaselineError(
            f"The earlier report {path} has the schema {schema!r}, and this command knows "
            f"{SCHEMA} alone: make it anew."
        )
    if earlier.filter != msgspec.convert(selection, type=_Wanted, from_attributes=True):
        raise BaselineError(
            f"The earlier report {path} was made with other filters, so that callers would seem "
            "new or gone: make both with the same."
        )
    return earlier


class _Named(msgspec.Struct):
    schema: str


def compared(earlier: Earlier, callers: Collection[str], ignored: Collection[str]) -> Comparison:
    """Who is new among `callers`, and who of the earlier report is still there or gone.

    Those that are or were ignored are known: they are never new, nor gone while they call.
    """
    before = {one.caller for one in earlier.callers}
    known = before | {one.caller for one in earlier.ignored}
    now = set(callers)
    return Comparison(
        generated_at=earlier.generated_at,
        new=tuple(sorted(now - known)),
        still=tuple(sorted(now & known)),
        gone=tuple(sorted(before - now - set(ignored))),
    )
