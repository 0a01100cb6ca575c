"""Rules of the house that a reader relies on: short files, public doors, one name for one thing."""

from __future__ import annotations

import ast
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MOST_LINES = 400
PACKAGES = ("ppcr_ros", "ppcr_lab")
OF_OTHERS = frozenset({"_replace", "_asdict", "_fields", "_make", "_reorder_linear_weight"})
"""Of named tuples, which are public whatever their names; and of PyTorch, which may lack it."""
PATCHED = ("setattr", "delattr")
RIDDLES = ("What", "Where", "How", "Who", "Whose", "Which", "When", "Whether", "Why", "From")
"""No module docstring begins so: it says with a noun or a verb what the module is or does."""

SAME_ROLE = frozenset(
    ("__init__", "__main__", "errors", "knowledge", "loader", "memory", "requests", "run", "speech")
)
"""Module names that may stand in two folders, for what is of one kind there; besides, commands are
named as what they run, and ``sim/everyday`` names its parts as ``sim`` does."""


def tracked(*folders: str) -> list[Path]:
    """The Python files below ``folders`` that git knows, or all that are there without git."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"],
            cwd=ROOT, capture_output=True, text=True, check=True,
        ).stdout.splitlines()  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs git and its checkout")
    paths = [ROOT / name for name in listed if not folders or name.startswith(folders)]
    return [path for path in paths if path.exists()]


def is_private(name: str) -> bool:
    """Whether ``name`` is meant for its own class or module alone."""
    return name.startswith("_") and not name.startswith("__") and name not in OF_OTHERS


def private_parts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Lines on which a private part of something else is read, set or patched."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and is_private(node.attr):
            if not (isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")):
                yield node.lineno, ast.unparse(node)
        elif isinstance(node, ast.ImportFrom):
            ours = (node.module or "").startswith((*PACKAGES, "tools"))
            yield from (
                (node.lineno, alias.name) for alias in node.names if ours and is_private(alias.name)
            )
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") in PATCHED:
            yield from ((node.lineno, name) for name in patched_names(node))


def patched_names(call: ast.Call) -> Iterator[str]:
    """The private names of ours among the texts that a patch is called with."""
    texts = [item.value for item in call.args[:2] if isinstance(item, ast.Constant)]
    for text in texts:
        if isinstance(text, str):
            ours = "." not in text or text.startswith(PACKAGES)
            if ours and any(is_private(part) for part in text.split(".")):
                yield text


def test_no_file_is_too_long_to_be_read_at_once() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in tracked()}
    assert {str(path): n for path, n in lengths.items() if n >= MOST_LINES} == {}


def test_tests_use_public_doors() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {what}"
        for path in tracked("test/")
        for line, what in private_parts(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert found == []


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("node._worker.report()", ["node._worker"]),
        ("self._worker.report()", []),
        ("row._replace(x=1)", []),
        ("patch.setattr(bag, '_sync', fail)", ["_sync"]),
        ("patch.setattr('ppcr_ros.replay.bag._sync', fail)", ["ppcr_ros.replay.bag._sync"]),
        ("patch.setattr('huggingface_hub._snapshot_download.X', 1)", []),
        ("patch.setattr(type(model), '__call__', fail)", []),
        ("from ppcr_ros.cli import _parser", ["_parser"]),
    ],
)
def test_what_counts_as_a_private_part(code: str, found: list[str]) -> None:
    assert [what for _, what in private_parts(ast.parse(code))] == found


def test_no_two_public_classes_have_one_name() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path in tracked(*(f"{name}/" for name in PACKAGES)):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(str(path.relative_to(ROOT)))
    assert {name: paths for name, paths in places.items() if len(paths) > 1} == {}


def test_no_two_modules_have_one_name() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path in tracked(*(f"{name}/" for name in PACKAGES)):
        if path.stem not in SAME_ROLE and path.parent.name not in ("commands", "everyday"):
            places[path.stem].append(str(path.relative_to(ROOT)))
    assert {name: paths for name, paths in places.items() if len(paths) > 1} == {}


def begins_as_riddle(path: Path) -> bool:
    """Whether the module docstring begins with a question's word in place of a noun or a verb."""
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return docstring.split(" ")[0].rstrip(",:") in RIDDLES


def test_module_docstrings_name_what_the_module_is_or_does() -> None:
    folders = tuple(f"{name}/" for name in (*PACKAGES, "test", "tools", "examples", "launch"))
    assert [
        str(path.relative_to(ROOT)) for path in tracked(*folders) if begins_as_riddle(path)
    ] == []
