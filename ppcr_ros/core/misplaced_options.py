"""Parameters that are no options: which option was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

EVERY_NODES = ("use_sim_time", "start_type_description_service", "qos_overrides")
"""Parameters, or the first part of their names, that every node of ROS 2 has."""


def not_options(names: Iterable[str], sections: Iterable[str] = ()) -> list[str]:
    """Those of ``names`` that begin with none of ``sections`` and are not every node's.

    An unknown name in a section, such as ``mllm.modle``, is an error of its own.
    """
    known = {*sections, *EVERY_NODES}
    return [name for name in names if name.partition(".")[0] not in known]


def without_effect(unknown: Iterable[str], known: Sequence[str]) -> str:
    """One sentence about parameters without effect, with the likely names."""
    parts = []
    for name in sorted(unknown):
        likely = likely_names(name, known)
        parts.append(f"{name} (is {' or '.join(likely)} meant?)" if likely else name)
    return (
        f"{', '.join(parts)}: no parameter of this node, and without effect. Write it as "
        "ros2 param list and docs say, or take it out."
    )


def likely_names(name: str, known: Sequence[str]) -> list[str]:
    """Those of ``known`` that ``name`` may stand for: misplaced, or misspelt; the best first."""
    last = name.rpartition(".")[2]
    misplaced = [item for item in known if item.rpartition(".")[2] == last]
    if misplaced:
        return misplaced[:3]
    close = difflib.get_close_matches(name, known, 1, 0.75)
    if close:
        return close
    lasts = {item.rpartition(".")[2]: item for item in known}
    if "." not in name:
        return [lasts[item] for item in difflib.get_close_matches(last, list(lasts), 1, 0.8)]
    sections = {item.partition(".")[0] for item in known if "." in item}
    near = difflib.get_close_matches(name.partition(".")[0], sorted(sections), 1, 0.7)
    return [f"{section}.{name.partition('.')[2]}" for section in near]
