"""Who is there in the filled world, and what the odd ones among them are called."""

from dataclasses import dataclass
from typing import Final

import models
from domain.seats import Seat

# What a LIKE without escapes would take for more than itself, and what case folding changes.
ODD_NAMES: Final = ("100% Öl_Werk \\ Söhne", "Straße ẞ ﬁn", "日本食堂", "  İstanbul   Çarşı ", "Ａｎｎｅ Łódź")  # noqa: RUF001


@dataclass
class Cast:
    """The companies and their people."""

    partners: list[models.Partner]
    clients: list[models.Client]
    # Client partners.
    brokers: list[models.Partner]
    accounts: dict[str, list[models.Account]]
    contacts: dict[str, list[models.Contact]]
    users: list[models.User]
    left_seat: Seat

    @property
    def worked_in(self) -> tuple[models.Account, models.Account, models.Account, models.Account, models.Account]:
        """The accounts with projects: the shop, its annex, the cancelled one, the shop's twin, the odd one."""
        harbour, twin, odd, *_ = self.clients
        shop, annex, cancelled = self.accounts[harbour.id]
        return shop, annex, cancelled, self.accounts[twin.id][0], self.accounts[odd.id][0]
