"""TABLE: of whom each seat may ever know what, by hand. The matrix says by which fields; this, that it is nothing else.

A line is some owners and some of their sorts (see `neighbours`): with `harbour-kept: contact name` a seat may read ids
and names of that owner's contacts; that it does is held, too, so that nothing stands here that nobody needs. `*` is
whatever the owner has: of what is the seat's own.
"""

import functools
from collections.abc import Iterator, Mapping
from typing import Final

from tests.promises.neighbours import Secret

_INSIDE: Final = "project actionitem conversation message file widget rating approval words event-both"

_NORTHWIND: Final = f"""
northwind: partner company inside invite invited event-both event-partner
northwind-earned: commission
asker: partner company listed listing
northwind-lent northwind-kept northwind-asked northwind-planned northwind-teammate: contact name reach
northwind-admin northwind-member: user mail member
northwind-invite: invite mail words
northwind-plan: modification item assigned words
northwind-team: manager
northwind-hook: event-partner
northwind-harbour: partnership offer item assigned grant words event-both event-partner event-partner-alone
northwind-harbour-asked: modification item assigned words
northwind-harbour-counter northwind-harbour-countered: modification item words
northwind-harbour-before northwind-bakery: partnership offer item grant words event-both

harbour bakery: client company account called
harbour: event-both-northwind
harbour-lent harbour-asked harbour-planned harbour-teammate harbour-by-northwind: contact name reach
bakery-lent bakery-kept: contact name reach
harbour-kept: contact name reach behalf
harbour-erased: contact
harbour-depot: called
harbour-owner harbour-manager harbour-staff bakery-owner: user mail staff
harbour-relaunch harbour-intern: {_INSIDE} projectmember
brokers: partner company
brokers-admin brokers-member: user mail
vendor: user
"""

_HARBOUR: Final = """
harbour: client company event-both event-client event-both-northwind
harbour-lent harbour-asked harbour-planned harbour-teammate harbour-by-northwind: contact name reach
harbour-kept: contact name reach behalf
harbour-erased: contact
harbour-plan: modification item assigned words
harbour-team: manager
harbour-hook: event-client reason
harbour-depot: called
harbour-owner: user

northwind rival former asker brokers: partner company
brokers-harbour: partnership words
brokers-admin: user
asker: listed listing
northwind-admin rival-admin former-admin asker-admin vendor: user
northwind-lent northwind-asked rival-lent asker-lent: contact name reach
northwind-kept: name
northwind-harbour: partnership offer item assigned words event-both event-client event-client-alone
northwind-harbour-asked: modification item assigned words
northwind-harbour-counter northwind-harbour-countered: modification item words
northwind-harbour-before former-harbour: partnership offer item words event-both
rival-harbour: partnership offer item assigned words event-both
asker-harbour: partnership offer assigned words event-both
"""

_MAIN: Final = f"""{_HARBOUR}
harbour: account called plan invite invited
harbour-invite: invite mail words
harbour-owner harbour-manager harbour-staff: user mail staff
northwind-admin rival-admin brokers-admin brokers-member: mail
brokers-member: user
harbour-relaunch harbour-intern: {_INSIDE} projectmember
harbour-relaunch-invite: invite mail words
northwind-harbour northwind-harbour-before rival-harbour former-harbour: grant
rival-harbour-asking rival-harbour-denied: request
"""

_ANNEX: Final = f"""{_HARBOUR}
harbour-annex: account called
harbour-annex-owner sam: user mail
harbour-annex-owner sam-annex: staff
harbour-annex-works: {_INSIDE}
"""

_STRANGER: Final = f"""
stranger: partner company inside event-both event-partner
stranger-earned: commission
asker: partner company listed listing
stranger-lent stranger-kept stranger-asked stranger-planned stranger-teammate: contact name reach
stranger-admin sam: user mail member
stranger-invite: invite mail words
stranger-plan: modification item assigned words
stranger-team: manager
stranger-hook: event-partner
stranger-exchange: partnership offer item assigned grant words event-both event-partner event-partner-alone
stranger-exchange-asked: modification item assigned words
stranger-exchange-counter stranger-exchange-countered: modification item words

exchange: client company account called
exchange-lent exchange-kept exchange-asked exchange-planned exchange-teammate: contact name reach
exchange-depot: called
exchange-owner: user mail staff
exchange-audit: {_INSIDE} projectmember
brokers: partner company
brokers-admin brokers-other: user mail
vendor: user
"""

# What Brokers' people know of what they are on, and of each other.
_BROKERS: Final = """
brokers: partner company inside
brokers-admin brokers-member brokers-other: user mail member
asker: partner company listed listing
vendor: user
"""
_BROKERS_AT_HARBOUR: Final = f"""{_BROKERS}
harbour: client company account called
harbour-owner harbour-manager harbour-staff: user mail staff
harbour-relaunch: {_INSIDE} projectmember
"""
_BROKERS_AT_EXCHANGE: Final = f"""{_BROKERS}
exchange: client company account called
exchange-owner: user mail staff
exchange-audit: {_INSIDE} projectmember
"""

KNOWN: Final[Mapping[str, str]] = {
    # Who is listed, anybody may know.
    "n": "asker: partner company listed listing",
    # All but how contacts are reached, drafts, teams, and what is a side's alone.
    "v": f"""
northwind rival former asker stranger brokers: partner company inside invite invited event-both
brokers-harbour brokers-exchange: partnership words
brokers-admin brokers-member brokers-other: user mail member
harbour-relaunch harbour-intern exchange-audit: {_INSIDE} projectmember
harbour-annex-works: {_INSIDE}
harbour bakery exchange: client company account called plan invite invited event-both
vendor: *
northwind-admin northwind-member rival-admin former-admin asker-admin stranger-admin sam: user mail member
harbour-owner harbour-manager harbour-staff harbour-annex-owner bakery-owner exchange-owner: user mail staff
harbour-gone: user mail
sam-annex: staff
harbour-annex: account called
harbour-depot exchange-depot: account called staff
northwind-lent northwind-kept northwind-asked northwind-planned northwind-teammate: contact name
stranger-lent stranger-kept stranger-asked stranger-planned stranger-teammate: contact name
harbour-lent harbour-kept harbour-asked harbour-planned harbour-teammate harbour-by-northwind: contact name
exchange-lent exchange-kept exchange-asked exchange-planned exchange-teammate: contact name
rival-lent rival-kept former-lent former-kept asker-lent asker-kept bakery-lent bakery-kept: contact name
harbour-kept: behalf
harbour-erased: contact
northwind-invite stranger-invite harbour-invite exchange-invite: invite mail words
harbour-relaunch-invite exchange-audit-invite: invite mail words
northwind-harbour stranger-exchange: partnership offer item assigned grant words
northwind-harbour stranger-exchange: event-both event-partner event-client event-vendor
northwind-harbour-asked stranger-exchange-asked: modification item assigned words
northwind-harbour-counter northwind-harbour-countered: modification item words
stranger-exchange-counter stranger-exchange-countered: modification item words
northwind-harbour-before northwind-bakery former-harbour: partnership offer item grant words event-both
rival-harbour: partnership offer item assigned grant words event-both event-partner
rival-harbour-asking rival-harbour-denied: request
asker-harbour: partnership offer assigned words event-both
asker-letter: partnership offer invite mail words event-both
harbour: event-client event-both-northwind
harbour exchange: event-vendor
northwind rival stranger asker: event-partner
northwind-earned stranger-earned: commission paid
asker: listed listing
northwind-hook stranger-hook: endpoint delivery url event-partner
harbour-hook: endpoint delivery url reason event-client
vendor-hook: *
""",
    "P": f"""{_NORTHWIND}
northwind-admin: *
northwind-hook: endpoint delivery url
""",
    "p": f"""{_NORTHWIND}
northwind-member: *
""",
    "R": """
rival: partner company inside invite invited event-both event-partner
asker: partner company listed listing
rival-admin: *
rival-lent rival-kept: contact name reach
rival-harbour: partnership offer item assigned grant words event-both event-partner
rival-harbour-asking rival-harbour-denied: request
harbour: client company account called
harbour-lent harbour-asked harbour-planned harbour-teammate harbour-by-northwind: contact name reach
harbour-kept: contact name reach behalf
harbour-erased: contact
harbour-owner: user
vendor: user
""",
    "F": """
former: partner company inside invite invited event-both
asker: partner company listed listing
former-admin: *
former-lent former-kept: contact name reach
former-harbour: partnership offer item grant words event-both
harbour: client company
harbour-owner vendor: user
""",
    "A": """
asker: partner company inside invite invited listed listing event-both event-partner
asker-admin: *
asker-lent asker-kept: contact name reach
asker-harbour: partnership offer assigned words event-both
asker-letter: partnership offer invite mail words event-both
vendor: user
""",
    "S": f"""{_STRANGER}
stranger: invite invited
stranger-admin: *
stranger-hook: endpoint delivery url
""",
    "K": f"""{_BROKERS_AT_HARBOUR}{_BROKERS_AT_EXCHANGE}
brokers: invite invited event-both
brokers-admin: *
brokers-harbour brokers-exchange: partnership words
harbour-relaunch-invite exchange-audit-invite: invite mail words
harbour-intern: {_INSIDE} projectmember
""",
    "k": f"""{_BROKERS_AT_HARBOUR}
brokers-member: *
""",
    "q": f"""{_BROKERS_AT_EXCHANGE}
brokers-other: *
""",
    "O": f"""{_MAIN}
harbour-owner: *
harbour-depot: account staff
harbour-hook: endpoint delivery url
""",
    "M": f"""{_MAIN}
harbour-manager: *
""",
    "T": f"""{_MAIN}
harbour-staff: *
""",
    "X": f"""{_ANNEX}
harbour-annex-owner: *
harbour-hook: endpoint delivery url
""",
    "B": """
bakery: client company account called plan invite invited event-both
bakery-owner: *
bakery-lent bakery-kept: contact name reach
northwind: partner company
asker: partner company listed listing
northwind-admin: user mail
northwind-bakery: partnership offer item grant words event-both
vendor: user
""",
    "E": f"""
exchange: client company account called plan invite invited event-both
exchange-owner: *
exchange-lent exchange-kept exchange-asked exchange-planned exchange-teammate: contact name reach
exchange-depot: account called staff
exchange-invite: invite mail words
exchange-plan: modification item assigned words
exchange-team: manager
exchange-audit: {_INSIDE} projectmember
exchange-audit-invite: invite mail words
brokers: partner company
brokers-exchange: partnership words
brokers-admin brokers-other: user mail
stranger: partner company
asker: partner company listed listing
stranger-admin: user mail
stranger-lent stranger-asked: contact name reach
stranger-kept: name
stranger-exchange: partnership offer item assigned grant words event-both event-client event-client-alone
stranger-exchange-asked: modification item assigned words
stranger-exchange-counter stranger-exchange-countered: modification item words
vendor: user
""",
    "G": "",
    # The name of the company of the person's other seat shows, and nothing else of it.
    "1": f"""{_STRANGER}
stranger: invite invited
sam: *
sam-annex: seat session
harbour: company
""",
    "2": f"""{_ANNEX}
sam-annex: *
sam: seat session
stranger: company
""",
}

# TABLE: rows that a seat never reads and that still shape what it reads, with the reason. Besides those of `KNOWN`,
# nothing else makes a difference to it.
FELT: Final[Mapping[str, str]] = {
    # What a payment has earned says how much it was.
    "vPpS1": "northwind-earned stranger-earned: payment",
    # An offer tells whom it lent, released since or not, as long as the viewer sees the contact.
    "vPpOMTX2": "northwind-harbour-before: assigned",
    "vF": "former-harbour: assigned",
    # Addresses show to whoever shares an account: of a partner's members to the account's staff.
    "OMT": "northwind-admin rival-admin: member",
    "B": "northwind-admin: member",
    "E": "stranger-admin: member",
    # Which companies are on a project, and whose people share it.
    "vPpKkOMT": "harbour-relaunch: engagement",
    "vSKqE1": "exchange-audit: engagement",
    # How many licences a company has left is told to all of its members.
    "kq": "harbour-relaunch-invite exchange-audit-invite: invite",
    # A partnership's tile counts all the accounts that it connects, and its end would cost all of them, and projects.
    "X2": "northwind-harbour rival-harbour: grant\nrival-harbour-asking: request\nharbour-relaunch: engagement",
    # What a person's other seats are called, and how much waits there: to be answered, and to be read.
    "1": "harbour: client\nsam-annex: notice\nnorthwind-harbour-asked: modification",
    "2": "stranger: partner\nsam: notice",
}

# Whoever holds a mailed link reads what the mail said.
BY_LINK: Final = frozenset({"northwind company", "northwind-invite mail", "harbour-owner mail"})


def may_know(seat: str, secret: Secret) -> bool:
    """Whether a seat may read it."""
    owner, _, _ = secret.partition(" ")
    return not {secret, f"{owner} *"}.isdisjoint(_secrets(KNOWN[seat]))


def may_feel(seat: str, secret: Secret) -> bool:
    """Whether it may make a difference to what a seat reads."""
    return may_know(seat, secret) or any(seat in seats and secret in _secrets(line) for seats, line in FELT.items())


def named(seat: str) -> set[Secret]:
    """What a seat may read by name, and so does."""
    return {secret for secret in _secrets(KNOWN[seat]) if not secret.endswith("*")}


@functools.cache
def _secrets(table: str) -> frozenset[Secret]:
    return frozenset(_read(table))


def _read(table: str) -> Iterator[Secret]:
    for line in table.splitlines():
        owners, _, sorts = line.partition(":")
        yield from (f"{owner} {sort}" for owner in owners.split() for sort in sorts.split())
