"""``ppcr doctor``: what of the things that this package stands on is there and works."""

from __future__ import annotations

import argparse

HELP = "check the installation"
DESCRIPTION = (
    "Check Python, the models' libraries, the embedded weights, ROS 2 and the renderer, one line "
    "each, with what to do. ROS 2 is needed where a ROS environment is set up, or with --ros; the "
    "renderer with --sim. Exit code: 0, or 1 where something that is needed is missing or wrong."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--ros", action="store_true", help="ROS 2 is needed")
    parser.add_argument("--sim", action="store_true", help="the MuJoCo renderer is needed")


def run(args: argparse.Namespace) -> int:
    from ppcr_ros.commands.checks import State, all_checks

    failed = 0
    for check in all_checks(ros_needed=args.ros, sim_needed=args.sim):
        optional = "" if check.needed or check.state is State.OK else "  (optional)"
        print(f"{check.state.value:8}{check.name:20}{check.detail}{optional}", flush=True)
        if check.advice:
            print(f"{'':28}-> {check.advice}")
        failed += check.needed and check.state is not State.OK
    print(f"\n{failed} problem{'s' * (failed != 1)}" if failed else "\nall that is needed is there")
    return 1 if failed else 0
