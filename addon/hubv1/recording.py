"""Writing a call down: in the journal, the metrics, the log, and its flow."""

import logging

from hubv1.bridging import unrecorded
from hubv1.journal import Entry, NotRecorded
from hubv1.mitm import notes
from hubv1.mitm.entries import OpenCall
from hubv1.parts import Parts
from hubv1.remark import remark
from hubv1.replying import give, successor_of
from hubv1.texts import printable

logger = logging.getLogger(__name__)


async def write_down(opened: OpenCall, parts: Parts) -> None:
    """Return once the call is on disk, or its answer a refusal where it has to be and cannot."""
    entry = _noted_entry(opened, parts)
    if opened.is_replay:
        logger.info(printable(f"{entry.line} (a replay, not counted)"))
        return
    is_required = parts.settings.journal_required and opened.is_answered
    try:
        await parts.journal.record(entry, is_required=is_required)
    except NotRecorded as loss:
        if loss.first:
            logger.error(
                "Calls are %s but not recorded, until the journal %s can be written again: %s",
                "refused" if parts.settings.journal_required else "answered",
                parts.journal.place,
                loss,
            )
        if is_required:
            _refuse(opened, parts)
            _noted_entry(opened, parts)
    if parts.metrics is not None:
        parts.metrics.count(entry)
    logger.info(printable(entry.line))


def write_off(opened: OpenCall, parts: Parts) -> None:
    """Write down a call that nobody waits for any more."""
    entry = _noted_entry(opened, parts)
    if not opened.is_replay:
        parts.journal.record_unawaited(entry)


def _noted_entry(opened: OpenCall, parts: Parts) -> Entry:
    """What to write down of the call, once its flow says so too."""
    entry = opened.entry(parts.surroundings.bridge_id)
    if not opened.is_recorded:
        instead = successor_of(opened.call, parts) or opened.call.route.sentence
        comment = remark(entry, instead, is_replay=opened.is_replay)
        # A replay tells nothing new of what the caller once got.
        before = notes.noted(opened.flow) if opened.is_replay else None
        asked = opened.result.asked if opened.result else ()
        notes.leave(opened.flow, before or entry, comment, asked)
    return entry


def _refuse(opened: OpenCall, parts: Parts) -> None:
    flow = opened.flow
    if flow.response and flow.response.stream and flow.killable:
        # Its head is on the way already.
        flow.kill()  # type: ignore[no-untyped-call]  # mitmproxy's
        return
    opened.settle(unrecorded())
    give(opened, unrecorded(), "", parts)
