"""What import-linter cannot see: the modules beside the floors."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import settings


def test_settings_import_nothing_of_ours() -> None:
    tree = ast.parse(Path(settings.__file__).read_text())
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names} | {
        node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module
    }
    outside = {name.partition(".")[0] for name in imported} - sys.stdlib_module_names
    assert outside == {"pydantic", "pydantic_settings"}


# What one request in thousands needs, or none: together as much as a third of a start.
RARELY_NEEDED = {
    *("aiosmtplib", "email_validator", "httpcore2", "iso3166", "iso4217", "jinja2", "joserfc", "mailbox", "mjml"),
    *("cryptography.x509", "standardwebhooks"),
}


def test_a_server_starts_without_what_it_may_never_need(tmp_path: Path) -> None:
    script = "import sys, server; server.app(); print(*sys.modules)"
    started = subprocess.run(
        [sys.executable, "-c", script],
        cwd=Path(settings.__file__).parent,
        env={**os.environ, "COUNTERSIGN_DATA_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    imported = set(started.stdout.split())
    assert {"schema.roots", "outbox.worker", "domain.identity"} <= imported
    assert imported & RARELY_NEEDED == set()
