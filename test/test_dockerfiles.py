"""The Dockerfiles as far as they are checked without Docker: instructions, shell, sources."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "docker").glob("Dockerfile*"))
INSTRUCTIONS = {
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "FROM",
    "RUN",
    "SHELL",
    "USER",
    "WORKDIR",
}


def instructions(path: Path) -> list[tuple[str, str]]:
    """Of (name, what follows), lines that go on joined and comments left out."""
    text = path.read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not re.match(r"\s*#", line)]
    joined = re.sub(r"\\\s*\n", " ", "\n".join(lines))
    words = [line.strip().partition(" ") for line in joined.splitlines() if line.strip()]
    return [(name, rest.strip()) for name, _, rest in words]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_instruction_is_one_and_every_source_is_there(path: Path) -> None:
    found = instructions(path)
    assert {name for name, _ in found} <= INSTRUCTIONS
    assert next(name for name, _ in found if name != "ARG") == "FROM"
    for name, rest in found:
        if name == "COPY" and "--from=" not in rest:
            *sources, _ = [word for word in shlex.split(rest) if not word.startswith("--")]
            assert sources
            assert [item for item in sources if not (ROOT / item).exists()] == []
        if name == "RUN":
            script = re.sub(r"^(--\S+\s+)+", "", rest)
            checked = subprocess.run(
                ["bash", "-n", "-c", script], capture_output=True, text=True, check=False
            )
            assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_it_says_that_it_was_never_built_here(path: Path) -> None:
    head = path.read_text(encoding="utf-8").split("FROM")[0]
    assert re.search(r"not built by this project|untested", head.lower())
