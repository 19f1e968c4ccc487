"""Revenue share: which connection of a partner earns, and why the others do not (mission 1.10).

SQL over an access grant: the one definition for reads and previews. `payments` goes by it.
"""

from typing import Final

_ACTIVATED_AT: Final = "(select a_.activated_at from account a_ where a_.id = {t}.account_id)"
_SHARE: Final = "(select n_.revenue_share_ppm from partner n_ where n_.id = {t}.partner_id)"

# A `RevenueShareReason`. What an agreement could not change comes before that there is none.
REASON: Final = (
    "case when {t}.status = 'DISCONNECTED' then 'DISCONNECTED'"
    f" when not {{t}}.is_earliest and {{t}}.connected_at <= {_ACTIVATED_AT} then 'ANOTHER_PARTNER_FIRST'"
    f" when {{t}}.connected_at > {_ACTIVATED_AT} then 'CONNECTED_TOO_LATE'"
    f" when {_SHARE} is null then 'NO_SHARE_AGREED'"
    f" when {_ACTIVATED_AT} is null then 'WAITING_FOR_JOBS' else 'ELIGIBLE' end"
)
EARNS: Final = f"({{t}}.status <> 'DISCONNECTED' and {{t}}.is_earliest and {_SHARE} is not null)"
