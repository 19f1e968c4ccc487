"""Reads the database and the sinks' logs after everything, and counts what was promised never to happen."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import models
from domain import changes
from models.enums import DeliveryStatus, MailStatus
from tests.outbox.receivers import Received
from tests.promises.load import Subscriber, Writer

Counts = dict[str, int]


async def kept(writers: Sequence[Writer]) -> Counts:
    """P1: what was acknowledged is there with its event, and nothing is there without; every chain is whole."""
    acknowledged = {found for writer in writers for (verb, _), found in writer.done.items() if verb != "partnerUpdate"}
    rows = {row.id for row in await models.Contact.all()} | {row.id for row in await _offered()}
    first = await models.Event.filter(topic__in=["contact.created", "partnership.offered"])
    told = Counter(event.partnership_id or event.subject for event in first)
    return {
        "acknowledged and lost": len(acknowledged - rows),
        "rows without an event": len([row for row in rows if told[row] == 0]),
        "events without a row": len(told.keys() - rows),
        "events told twice": len([row for row, times in told.items() if times > 1]),
        "broken chains": await broken_chains(),
    }


async def broken_chains() -> int:
    """Count the streams whose events have a gap, or whose digests do not hold."""
    broken = 0
    for stream in await models.Stream.all():
        previous, events = changes.NO_DIGEST, await models.Event.filter(stream=stream.id).order_by("version")
        for event in events:
            previous = changes.digest_after(previous, event)
        versions = [event.version for event in events]
        is_sealed = all(event.commitment == changes.commitment(event) for event in events)
        broken += not is_sealed or versions != [*range(1, stream.version + 1)] or previous != stream.digest
    return broken


async def delivered(hooks: Iterable[Received], mails: Sequence[tuple[str, bytes]], since: int) -> Counts:
    """P2: every webhook and mail arrived, at least once; what arrived again was the same, by the same id."""
    bodies: dict[str, set[bytes]] = {}
    for hook in hooks:
        bodies.setdefault(hook.id, set()).add(hook.body)
    letters: dict[str, set[bytes]] = {}
    for message_id, content in mails:
        letters.setdefault(message_id, set()).add(content)
    queued = await models.Mail.all()
    deliveries = await models.WebhookDelivery.all()
    events = {event.id for event in await models.Event.filter(pos__gt=since)}
    ids = {mail.id: f"<{mail.id}@countersign.example>" for mail in queued}
    return {
        "events without a place": await models.Event.filter(pos=None).count(),
        "mails not sent": len([mail for mail in queued if mail.status is not MailStatus.SENT]),
        "mails that never arrived": len(set(ids.values()) - letters.keys()),
        "mails of no row": len(letters.keys() - set(ids.values())),
        "repeats of a mail that differ": len([one for one in letters.values() if len(one) > 1]),
        "offers that mailed nobody": len(await _offered()) - len({mail.event_id for mail in queued}),
        "webhooks not delivered": len([row for row in deliveries if row.status is not DeliveryStatus.DELIVERED]),
        "events that were no webhook": len(events - {row.event_id for row in deliveries}),
        "webhooks that never arrived": len(events - bodies.keys()),
        "repeats of a webhook that differ": len([one for one in bodies.values() if len(one) > 1]),
    }


async def _offered() -> list[models.Partnership]:
    """What the writers made; the one that is listened to was there before."""
    return await models.Partnership.filter(offer_id__not_isnull=True)


async def once(writers: Sequence[Writer]) -> Counts:
    """P3: one Idempotency-Key, one effect, the same answer."""
    effects = Counter(contact.name for contact in await models.Contact.all())
    effects += Counter(partnership.title for partnership in await _offered())
    changed = await models.Event.filter(topic="partner.updated")
    effects += Counter(str(change["after"]) for event in changed for change in event.changes)
    return {
        "double effects": len([key for key, times in effects.items() if times > 1]),
        "no effect": len({key for writer in writers for _, key in writer.done} - effects.keys()),
        "another answer": sum(len(writer.doubts) for writer in writers),
    }


async def heard(subscribers: Sequence[Subscriber], partnership: str, since: int) -> Counts:
    """P4: nobody missed anything, heard anything twice, or in another order."""
    log = [event.id for event in await models.Event.filter(stream=partnership, pos__gt=since).order_by("pos")]
    return {
        "missed": sum(len(set(log) - set(subscriber.seen)) for subscriber in subscribers),
        "heard twice": sum(len(subscriber.seen) - len(set(subscriber.seen)) for subscriber in subscribers),
        "out of order": sum(subscriber.seen != log for subscriber in subscribers),
    }


def is_kept(verdict: Mapping[str, Counts]) -> bool:
    return not any(count for counts in verdict.values() for count in counts.values())
