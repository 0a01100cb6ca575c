"""``ppcr replay``: recorded decisions made again."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from ppcr_ros.commands.common import add_config_arguments, config_of, positive_int

HELP = "make recorded decisions again and compare every bit"
DESCRIPTION = (
    "Run each recorded image and command again and compare prompts, box, mask and score bit for "
    "bit. Needs no ROS. Exit code: 0 where all are the same, 1 where one differs, 2 where a bag "
    "cannot be read or nothing could be compared."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "bags", metavar="BAG", nargs="+", type=Path, help="a bag, or a folder of bags"
    )
    add_config_arguments(parser, default="the recorded one")
    parser.add_argument(
        "--threads",
        type=positive_int,
        metavar="N",
        help="torch's threads; default: as many as were recorded, because the last bits of a "
        "result depend on their number",
    )
    parser.add_argument(
        "--image-topic",
        default="",
        metavar="TOPIC",
        help="where the images are, in a bag of ros2 bag record with several cameras",
    )
    parser.add_argument(
        "--online",
        action="store_true",
        help="fetch models that a bag names from a hub; default: only what is on this machine",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the comparison here")
    parser.add_argument(
        "--gallery", type=Path, metavar="PNG", help="write recorded and replayed masks here"
    )


def run(args: argparse.Namespace) -> int:
    from ppcr_ros.commands.output import (
        check_distinct,
        prepare_output,
        prepare_pictures,
        write_text,
    )
    from ppcr_ros.commands.segment import write_image
    from ppcr_ros.replay.bag_reader import find_bags
    from ppcr_ros.replay.player import Player, Replay, ReplayOptions, ReplayTally
    from ppcr_ros.replay.replay_report import GALLERY_LIMIT, ReplayLines, gallery, report_to_dict

    options = ReplayOptions(
        config=None if args.config is None else config_of(args),
        device=args.device,
        threads=args.threads,
        image_topic=args.image_topic,
        online=args.online,
    )
    bags = find_bags(args.bags)
    check_distinct((args.json, args.gallery), read=(args.config,))
    prepare_pictures((args.gallery,))
    if args.json is not None:
        prepare_output(args.json)
    report, tally, items = ReplayLines(), ReplayTally(), list[Replay]()
    pictures = 0 if args.gallery is None else GALLERY_LIMIT
    with Player(options) as player:
        for item in player.replay(bags):
            print("\n".join(report.lines(item)), flush=True)
            tally.add(item)
            items.append(item if pictures > 0 else item.without_pictures())
            pictures -= 1
    print(tally)
    if args.json is not None:
        write_text(args.json, json.dumps(report_to_dict(items), indent=2, ensure_ascii=False))
        print(f"wrote {args.json}")
    if args.gallery is not None and (sheet := gallery(items)) is not None:
        write_image(args.gallery, sheet)
        print(f"wrote {args.gallery}")
    return tally.exit_code
