"""What the project promises about its own code, and a linter cannot see."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import refwatch

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "refwatch"
FILES = sorted(SOURCE.rglob("*.py"))
PROBE_FILES = sorted((SOURCE / "probe").rglob("*.py"))
CORE = (
    "wire",
    "text",
    "series",
    "target",
    "readings",
    "session",
    "findings",
    "export",
    "daemon",
)
VIEW_ONLY = {"textual", "rich"}
MOST_LINES = 450
MOST_WORDS = 900
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")

IMPORT_ALL = """
import importlib, json, pkgutil, sys
package = importlib.import_module(sys.argv[1])
for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    if not found.name.endswith("__main__"):
        importlib.import_module(found.name)
json.dump(sorted({name.partition(".")[0] for name in sys.modules}), sys.stdout)
"""
IMPORT_ONE = """
import importlib, json, sys
importlib.import_module(sys.argv[1])
json.dump(sorted({name.partition(".")[0] for name in sys.modules}), sys.stdout)
"""


def loaded_by(code: str, module: str) -> set[str]:
    """The top-level modules that a fresh interpreter has after importing this one."""
    done = subprocess.run(
        [sys.executable, "-c", code, module],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


@pytest.mark.parametrize("room", CORE)
def test_the_core_does_not_load_the_terminal(room: str) -> None:
    """import-linter sees what a module says; this sees what its imports bring with them."""
    assert not loaded_by(IMPORT_ALL, f"refwatch.{room}") & VIEW_ONLY


def test_a_script_that_imports_refwatch_pays_for_nothing() -> None:
    heavy = {*VIEW_ONLY, "psutil", "msgspec", "objgraph", "asyncio"}
    assert not loaded_by(IMPORT_ONE, "refwatch") & heavy


def imported_by(file: Path) -> Iterator[str]:
    """Top-level names of absolute imports anywhere in the file, those in functions included."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name.partition(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield (node.module or "").partition(".")[0]


@pytest.mark.parametrize("file", PROBE_FILES, ids=lambda file: str(file.relative_to(SOURCE)))
def test_the_probe_needs_only_the_standard_library(file: Path) -> None:
    # inside a target the probe's package goes by the name of _refwatch_probe
    allowed = {*sys.stdlib_module_names, "_refwatch_probe"}
    assert set(imported_by(file)) <= allowed


def test_there_is_something_to_look_at() -> None:
    assert len(PROBE_FILES) > 2
    assert len(FILES) > len(PROBE_FILES)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(SOURCE)))
def test_no_file_is_too_long_to_read(file: Path) -> None:
    assert len(file.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


def test_the_readme_is_short_and_shows_the_product_first() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.split()) <= MOST_WORDS
    assert 0 < text.index("](docs/screenshots/") < text.index("\n## ")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Anchors of the site are mkdocs's to check."""
    links = LINK.findall(page.read_text(encoding="utf-8"))
    files = [link.partition("#")[0] for link in links if "://" not in link]
    assert [file for file in files if not (page.parent / file).exists()] == []


def test_every_picture_and_page_is_shown() -> None:
    docs = ROOT / "docs"
    nav = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    shown = "".join(page.read_text(encoding="utf-8") for page in docs.glob("*.md"))
    assert [page.name for page in docs.glob("*.md") if f": {page.name}\n" not in nav] == []
    assert [one.name for one in docs.glob("screenshots/*") if f"/{one.name})" not in shown] == []


def test_the_changelog_has_this_version() -> None:
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(
        rf"^## \[{re.escape(refwatch.__version__)}\] - \d{{4}}-\d\d-\d\d$", changes, re.MULTILINE
    )
    assert "## [Unreleased]" in changes
