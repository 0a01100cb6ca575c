"""``python -m ppcr_lab.robustness``: run the faults, print the table, write the figures."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from ppcr_lab.robustness.fault_runner import FAULTS, FaultRunner, run_here
from ppcr_lab.robustness.outcome import Plan, format_table


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 where every bar was met, 1 where one was missed."""
    parser = argparse.ArgumentParser(prog="python -m ppcr_lab.robustness", description=__doc__)
    parser.add_argument(
        "--only", nargs="+", choices=FAULTS, metavar="FAULT", help=", ".join(FAULTS)
    )
    parser.add_argument("--short", action="store_true", help="a small version of each, for tests")
    parser.add_argument("--minutes", type=float, default=10.0, help="length of the camera stream")
    parser.add_argument("--seed", type=int, default=Plan.seed, help="of what is drawn by chance")
    parser.add_argument("--json", type=Path, default=Path("build/robustness.json"))
    parser.add_argument("--here", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    plan = Plan(short=given.short, minutes=given.minutes, seed=given.seed)
    if given.here is not None:  # as a child of the runner
        run_here(given.only[0], plan, given.here)
        return 0
    outcomes = FaultRunner(plan, given.json).run(given.only or list(FAULTS))
    print(format_table(outcomes))
    return 0 if all(item.passed for item in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
