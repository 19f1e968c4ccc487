"""Print the law into the README: who may do what, and what may follow what.

python -m domain.tables            write the part of README.md between the two marks
python -m domain.tables --check    change nothing; fail if it is not what the tables say
"""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from domain import moves, policy
from domain.moves import GrantMove, PartnershipMove, ProposalMove
from models.enums import Role

README: Final = Path(__file__).parents[1] / "README.md"
BEGIN: Final = "<!-- generated: policy -->"
END: Final = "<!-- end -->"


def printed() -> str:
    """Print all tables as Markdown."""
    proposals = [(kind.replace("_", " ").lower(), rows) for kind, rows in moves.PROPOSAL.items()]
    return "\n\n".join(
        [
            "Every seat is public and a user besides what it is itself.",
            _matrix(),
            *(_diagram(f"A proposal: {name}", rows) for name, rows in proposals),
            _diagram("A partnership", moves.PARTNERSHIP),
            _diagram("A partner's access to an account", moves.GRANT),
        ]
    )


def fitted(text: str) -> str:
    """Put the tables between a text's two marks; refuses, with LookupError, a text without them."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise LookupError(f"README.md has no part between {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{printed()}\n\n{END}{after}"


def main(arguments: Sequence[str]) -> int:
    """Write the README, or check it; return the exit status."""
    text = README.read_text()
    fresh = fitted(text)
    if "--check" not in arguments:
        README.write_text(fresh)
        return 0
    if text != fresh:
        sys.stderr.write("README.md does not say what the tables say: run python -m domain.tables\n")
        return 1
    return 0


def _matrix() -> str:
    head = ["may", *(role.replace("_", " ").lower() for role in Role)]
    rows = (
        [f"`{permission}`", *("●" if role in roles else "" for role in Role)]
        for permission, roles in policy.ALLOWED.items()
    )
    return "\n".join([_row(head), _row([":--", *(":-:" for _ in Role)]), *map(_row, rows)])


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _diagram(title: str, rows: Sequence[ProposalMove] | Sequence[PartnershipMove] | Sequence[GrantMove]) -> str:
    steps = [
        f"    {source} --> {row.target}: {row.verb} ({row.party})"
        for row in rows
        for source in ([str(source) for source in sorted(row.sources)] or ["[*]"])
    ]
    return "\n".join([f"**{title}**", "", "```mermaid", "stateDiagram-v2", *steps, "```"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
