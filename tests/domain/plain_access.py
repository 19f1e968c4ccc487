"""Part 1 as a plain model: a partner's access to a client's accounts, by days, and who may do what about it.

It shares no code with the product: lists and numbers, no rows, no SQL. The partner has Paula and its admin; the client
an owner of both accounts, Sam, who works in both, and Olga, who manages both and owns a third.
"""

from dataclasses import dataclass, field
from typing import Final

from tests.domain.plain import DONE

ACCOUNTS: Final = ("first", "second")
PARTNER: Final = ("paula", "admin")
WHO: Final = (*PARTNER, "owner", "sam", "olga")
ASKED_FOR: Final = 14
OFFERED_FOR: Final = 30
IDLE: Final = 60
WARNINGS: Final = (30, 7, 1)


@dataclass
class Grant:
    """One access; days. `expires` null: not by time."""

    account: str
    partnership: int
    enabled: int
    expires: int | None
    status: str = "ENABLED"
    opened: int | None = None
    is_earliest: bool = False
    # The warnings since access was last given or used, by their days.
    warned: list[int] = field(default_factory=list)


@dataclass
class Request:
    """One request for an access."""

    grant: Grant
    open_until: int
    status: str = "PENDING"


@dataclass
class World:
    """What the two have between them; the last partnership is the one that they act on. Verbs answer DONE or a code."""

    today: int = 0
    active_since: dict[str, int | None] = field(default_factory=lambda: dict.fromkeys(ACCOUNTS))
    # Of each partnership its status, and until when it is offered.
    partnerships: list[tuple[str, int]] = field(default_factory=lambda: [("ACTIVE", 0)])
    grants: list[Grant] = field(default_factory=lambda: [Grant("first", 0, 0, None)])
    requests: list[Request] = field(default_factory=list)

    # ── what is read ──

    def status(self, grant: Grant) -> str:
        """Tell what time makes of an access."""
        is_over = grant.expires is not None and grant.expires <= self.today
        return "EXPIRED" if grant.status == "ENABLED" and is_over else grant.status

    def asked(self, request: Request) -> str:
        """Tell what time makes of a request."""
        is_over = request.open_until <= self.today
        return "EXPIRED" if request.status == "PENDING" and is_over else request.status

    def together(self) -> str:
        """Tell what time makes of the last partnership."""
        status, until = self.partnerships[-1]
        return "EXPIRED" if status == "OFFERED" and until <= self.today else status

    def waiting(self, grant: Grant) -> Request | None:
        """Find what waits for the owner."""
        found = (each for each in self.requests if each.grant is grant)
        return next((each for each in found if self.asked(each) == "PENDING"), None)

    def buttons(self, grant: Grant, who: str) -> set[str]:
        """Name what somebody's portal offers."""
        ask = set() if self.waiting(grant) else {"REQUEST"}
        partner = {"ENABLED": {"OPEN"}, "EXPIRED": ask, "DISABLED": ask}
        owner = {"ENABLED": {"DISABLE"}, "EXPIRED": {"ENABLE", "DISABLE"}, "DISABLED": {"ENABLE"}}
        mine = {"paula": partner, "admin": partner, "owner": owner}.get(who, {})
        ends = {"DISCONNECT"} if who in {"admin", "owner"} and grant.status != "DISCONNECTED" else set()
        return mine.get(self.status(grant), set()) | ends

    def _connected(self) -> list[Grant]:
        return [grant for grant in self.grants if grant.status != "DISCONNECTED"]

    def _end_of(self, grant: Grant) -> int | None:
        since = self.active_since[grant.account]
        if since is None:
            return None
        return max(since, grant.enabled, since if grant.opened is None else grant.opened) + IDLE

    # ── access ──

    def open(self, who: str, account: str) -> str:
        """Open an account, as the partner."""
        del who
        of_account = [grant for grant in self.grants if grant.account == account]
        live = next((grant for grant in of_account if grant.status != "DISCONNECTED"), None)
        if live is None:
            return "NOT_CONNECTED" if of_account else "NOT_FOUND"
        status = self.status(live)
        if status != "ENABLED":
            return f"ACCESS_{status}"
        live.opened, live.warned = self.today, []
        live.expires = self._end_of(live)
        return DONE

    def request(self, who: str, grant: Grant) -> str:
        """Ask to be let in again."""
        if who not in PARTNER:
            return "FORBIDDEN"
        if grant.status == "DISCONNECTED":
            return "NOT_CONNECTED"
        if self.status(grant) == "ENABLED":
            return "WRONG_STATE"
        if self.waiting(grant):
            return "ALREADY_PROPOSED"
        self.requests.append(Request(grant, self.today + ASKED_FOR))
        return DONE

    def _switches(self, who: str, grant: Grant) -> str:
        if who not in {"owner", "olga"}:
            return "FORBIDDEN"
        if who == "olga":
            return "CAPABILITY_DENIED"
        return "NOT_CONNECTED" if grant.status == "DISCONNECTED" else DONE

    def enable(self, who: str, grant: Grant) -> str:
        """Let in again; a request that waits is approved."""
        answer = self._switches(who, grant)
        if answer == DONE and self.status(grant) == "ENABLED":
            answer = "WRONG_STATE"
        if answer == DONE:
            if waits := self.waiting(grant):
                waits.status = "ACCEPTED"
            self._let_in(grant)
        return answer

    def _let_in(self, grant: Grant) -> None:
        grant.status, grant.enabled, grant.warned = "ENABLED", self.today, []
        grant.expires = self._end_of(grant)

    def disable(self, who: str, grant: Grant) -> str:
        """Shut out; a request goes on waiting."""
        answer = self._switches(who, grant)
        if answer == DONE and grant.status == "DISABLED":
            answer = "WRONG_STATE"
        if answer == DONE:
            grant.status, grant.expires = "DISABLED", None
        return answer

    def disconnect(self, who: str, grant: Grant, *, confirmed: bool) -> str:
        """End a connection; the last one ends the partnership."""
        refusals = {
            "FORBIDDEN": who in {"paula", "sam"},
            "CAPABILITY_DENIED": who == "olga",
            "NOT_CONNECTED": grant.status == "DISCONNECTED",
            "STALE_CONFIRMATION": not confirmed,
        }
        refused = next((code for code, is_so in refusals.items() if is_so), None)
        if refused:
            return refused
        self._take_off(grant)
        if not self._connected():
            self.partnerships[-1] = ("ENDED", 0)
        return DONE

    def _take_off(self, grant: Grant) -> None:
        if waits := self.waiting(grant):
            waits.status = "CANCELLED"
        grant.status, grant.expires = "DISCONNECTED", None

    # ── requests ──

    def answer(self, who: str, request: Request, verb: str) -> str:
        """Approve, deny or take back."""
        if (who not in PARTNER) if verb == "withdraw" else (who not in {"owner", "olga"}):
            return "FORBIDDEN"
        status = self.asked(request)
        if status != "PENDING":
            return "EXPIRED" if status == "EXPIRED" else "WRONG_STATE"
        if who == "olga":
            return "CAPABILITY_DENIED"
        request.status = {"accept": "ACCEPTED", "decline": "DECLINED", "withdraw": "WITHDRAWN"}[verb]
        if verb == "accept":
            self._let_in(request.grant)
        return DONE

    # ── what is around it ──

    def reach_jobs(self, account: str) -> None:
        """Count an account's jobs to 100: its clock starts."""
        if self.active_since[account] is not None:
            return
        self.active_since[account] = self.today
        for grant in self._connected():
            if grant.account == account:
                grant.is_earliest = True
                grant.expires = self._end_of(grant) if grant.status == "ENABLED" else None

    def offer(self) -> str:
        """Offer anew."""
        status = self.together()
        if status in {"OFFERED", "ACTIVE"}:
            return "ALREADY_PROPOSED" if status == "OFFERED" else "ALREADY_PARTNERS"
        self.partnerships.append(("OFFERED", self.today + OFFERED_FOR))
        return DONE

    def accept_offer(self, accounts: list[str]) -> str:
        """Begin anew, with some of the accounts."""
        status = self.together()
        if status != "OFFERED":
            return "EXPIRED" if status == "EXPIRED" else "WRONG_STATE"
        self.partnerships[-1] = ("ACTIVE", 0)
        for account in accounts:
            made = Grant(account, len(self.partnerships) - 1, self.today, None)
            made.expires = self._end_of(made)
            self.grants.append(made)
        return DONE

    def end(self, who: str) -> str:
        """End the partnership with all its connections."""
        if who not in {"admin", "owner", "olga"}:
            return "FORBIDDEN"
        if self.together() != "ACTIVE":
            return "WRONG_STATE"
        for grant in self._connected():
            self._take_off(grant)
        self.partnerships[-1] = ("ENDED", 0)
        return DONE

    def warn(self) -> None:
        """Give the warnings that are due: of several the latest."""
        for grant in self._connected():
            if self.status(grant) != "ENABLED" or grant.expires is None:
                continue
            due = [days for days in WARNINGS if grant.expires - self.today <= days]
            if due and (not grant.warned or due[-1] < grant.warned[-1]):
                grant.warned.append(due[-1])
