"""``ppcr doctor``: what is missing or wrong, on this machine and in the running ROS graph."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from ppcr_ros.commands.common import (
    add_config_arguments,
    config_of,
    positive_float,
    ros_name,
)
from ppcr_ros.core.outside_text import printable

if TYPE_CHECKING:
    from ppcr_ros.commands.doctor_checks import Check
    from ppcr_ros.commands.doctor_topics import TopicReport
    from ppcr_ros.core.config import Config
    from ppcr_ros.health.findings import Finding

HELP = "check the installation, the models and the camera's topics"
DESCRIPTION = (
    "Check Python, the models' libraries, the embedded weights, ROS 2 and the renderer, one line "
    "each, then the models of the configuration: whether their weights are there and whole, and "
    "whether the memory is enough. With --topics look at the running ROS graph as the node would. "
    "Everything comes with what to do. ROS 2 is needed where a ROS environment is set up, or with "
    "--ros; the renderer with --sim. Exit code: 0, or 1 where something that is needed is missing "
    "or wrong."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config_arguments(parser)
    parser.add_argument("--ros", action="store_true", help="ROS 2 is needed")
    parser.add_argument("--sim", action="store_true", help="the MuJoCo renderer is needed")
    parser.add_argument("--json", action="store_true", help="print JSON instead of lines")
    topics = parser.add_argument_group("the running ROS graph")
    topics.add_argument("--topics", action="store_true", help="look at the camera's topics")
    topics.add_argument(
        "--seconds",
        type=positive_float,
        default=6.0,
        metavar="S",
        help="how long to look; default: %(default)g",
    )
    # As in launch/ppcr.launch.py.
    for role, default in (
        ("image", "/{camera}/image_raw"),
        ("depth", "/{camera}/depth/image_raw"),
        ("camera-info", "/{camera}/camera_info"),
    ):
        topics.add_argument(
            f"--{role}-topic",
            type=ros_name,
            default=default,
            metavar="TOPIC",
            help="{camera} stands for each name in node.cameras, or for 'camera'; default: "
            "%(default)s",
        )
    for option, help_text in (
        ("compressed", "the image topic is <TOPIC>/compressed, whatever the configuration says"),
        ("use-depth", "with depth, whatever the configuration says"),
        ("use-sim-time", "take the time from /clock"),
    ):
        topics.add_argument(f"--{option}", action="store_true", help=help_text)


def run(args: argparse.Namespace) -> int:
    from ppcr_ros.commands.doctor_checks import all_checks
    from ppcr_ros.health.findings import Level
    from ppcr_ros.health.model_findings import look_at_models

    config = config_of(args)
    checks: list[Check] = []
    findings: list[Finding] = []
    failed = 0
    for check in all_checks(ros_needed=args.ros or args.topics, sim_needed=args.sim):
        checks.append(check)
        failed += check.fails
        if not args.json:
            _print_check(check)
    findings += look_at_models(config, embedded=False)  # the checks have told of those
    seen: tuple[str, ...] = ()
    if args.topics:
        report = _topics(args, config)
        findings += report.findings
        seen = report.seen
    # A warning of memory is an estimate; a camera that does not come is what was asked about.
    failed += sum(
        finding.level is Level.ERROR or (args.topics and finding.level is Level.WARN)
        for finding in findings
    )
    if args.json:
        document = {
            "ok": not failed,
            "checks": [check.as_dict() for check in checks],
            "findings": [finding.as_dict() for finding in findings],
            "topics": list(seen),
        }
        print(json.dumps(document, indent=2))
        return 1 if failed else 0
    for line in seen:
        print(f"{'TOPIC':8}{line}")
    for finding in findings:
        _print_finding(finding)
    print(f"\n{failed} problem{'s' * (failed != 1)}" if failed else "\nall that is needed is there")
    return 1 if failed else 0


def _topics(args: argparse.Namespace, config: Config) -> TopicReport:
    from dataclasses import replace

    from ppcr_ros.commands.doctor_topics import look_at_topics

    node = replace(
        config.node,
        use_compressed=config.node.use_compressed or args.compressed,
        use_depth=config.node.use_depth or args.use_depth,
    )
    return look_at_topics(
        replace(config, node=node),
        topics={
            "image": args.image_topic,
            "depth": args.depth_topic,
            "camera_info": args.camera_info_topic,
        },
        seconds=args.seconds,
        sim_time=args.use_sim_time,
    )


def _print_check(check: Check) -> None:
    optional = "" if check.needed or not check.bad else "  (optional)"
    print(f"{check.state.value:8}{check.name:20}{printable(check.detail)}{optional}", flush=True)
    if check.advice:
        print(f"{'':28}-> {printable(check.advice)}")


def _print_finding(finding: Finding) -> None:
    print(printable(f"{finding.level.name:8}{finding.what}; {finding.expected}."))
    print(printable(f"{'':8}-> {finding.remedy}"))
