"""What import-linter cannot see: the modules beside the floors."""

import ast
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
