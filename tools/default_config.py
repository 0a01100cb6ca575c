"""Writes the default configuration file, with every option, from the defaults in the code.

``python tools/default_config.py config/ppcr.yaml`` (or ``make config``).
"""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

from ppcr_ros.core.config import SECTIONS
from ppcr_ros.core.options import OptionSpec, spec_of

LINE_LENGTH = 100
HEADER = """\
# The defaults: ppcr-tiny, the embedded model. It knows ten kinds of things on tables; the
# other files in this folder name models for a robot.
#
# A parameter file of ROS 2, read by the node and by `ppcr --config FILE` alike. Options that a file
# leaves out keep the values below. Those marked [live] can be changed while the node runs
# (`ros2 param set /ppcr ...`); the others are read when the models load.
#
# Written by `make config` from ppcr_ros/core/config.py: change it there.
"""


def render() -> str:
    """The file's text."""
    lines = [*HEADER.splitlines(), "/**:", "  ros__parameters:"]
    for name, section in SECTIONS.items():
        summary = (section.__doc__ or "").splitlines()[0]
        lines += [f"    # {summary}", f"    {name}:"]
        for item in fields(section):
            lines += _comment(spec_of(item), item.default)
            lines.append(f"      {item.name}: {json.dumps(item.default)}")
    return "\n".join(lines) + "\n"


def _comment(spec: OptionSpec, default: Any) -> Iterator[str]:
    text = spec.description
    if spec.choices:
        text += f" ({', '.join(spec.choices)})"
    elif spec.minimum is not None and spec.maximum is not None:
        text += f" ({_bound(spec.minimum, default)} to {_bound(spec.maximum, default)})"
    text += "" if spec.read_only else " [live]"
    prefix = "      # "
    yield from textwrap.wrap(
        text, LINE_LENGTH, initial_indent=prefix, subsequent_indent=prefix, break_on_hyphens=False
    )


def _bound(value: float, default: Any) -> str:
    return str(int(value)) if isinstance(default, int) else f"{value:g}"


def main() -> None:
    if len(sys.argv) != 2:
        raise SystemExit(f"usage: {sys.argv[0]} FILE")
    Path(sys.argv[1]).write_text(render(), encoding="utf-8")


if __name__ == "__main__":
    main()
