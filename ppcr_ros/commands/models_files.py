"""``ppcr models pull | verify | lock``: the files of the models that configurations name."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ppcr_ros.commands.common import UsageError
from ppcr_ros.commands.models import (
    SERVED_ELSEWHERE,
    add_action,
    add_files,
    add_into,
    config_files,
    title,
)
from ppcr_ros.core.errors import PPCRError
from ppcr_ros.core.paths import usable_path
from ppcr_ros.core.units import size_text
from ppcr_ros.weights.files import PUBLISHED_CHECKPOINTS, is_hub_name, licence_of

if TYPE_CHECKING:
    from ppcr_ros.weights.download import PulledModel
    from ppcr_ros.weights.location import ModelWeights

PULL_DESCRIPTION = (
    "Fetch the models that a configuration names into the hub cache: the pinned revision, only the "
    "files that loading needs, each compared with the checksum that the hub publishes. What was "
    "interrupted is resumed. A published segment-anything checkpoint (sam_vit_*.pth) is fetched to "
    "the place that the configuration names."
)
VERIFY_DESCRIPTION = (
    "Hash the files of every model again and compare them with what was recorded when it was "
    "pulled or locked; needs no network. Exit code: 0, or 1 where a file is missing or changed, or "
    "a model is absent or was never recorded."
)
LOCK_DESCRIPTION = (
    "Record the checksums of the models that a configuration names as they are now, so that verify "
    "can compare them later: for checkpoints of your own, and for models fetched by other means."
)


def add_actions(actions: object) -> None:
    """Add the parsers of the three actions."""
    pull_parser = add_action(
        actions, "pull", "fetch models, once, with a network", PULL_DESCRIPTION
    )
    add_files(pull_parser, default="none, name one")
    add_into(pull_parser, "fetch into this hub cache")
    pull_parser.add_argument(
        "--allow-unpinned",
        action="store_true",
        help="fetch also where the configuration names no commit",
    )
    verify_parser = add_action(actions, "verify", "hash them again and compare", VERIFY_DESCRIPTION)
    add_files(verify_parser)
    add_into(verify_parser, "look in this hub cache")
    lock_parser = add_action(actions, "lock", "record models of your own", LOCK_DESCRIPTION)
    add_files(lock_parser, default="none, name one")
    add_into(lock_parser, "look in this hub cache")


def pull(args: argparse.Namespace) -> int:
    """``ppcr models pull``."""
    try:
        for model in _models(args, needed=True):
            print(title(model), flush=True)
            if licence := licence_of(model.model):
                print(f"           licence: {licence}", flush=True)
            pulled = _pull(model, args)
            if pulled is None:
                where = SERVED_ELSEWHERE if model.elsewhere else model.place or model.problem
                print(f"           nothing to fetch: {where}", flush=True)
                continue
            fetched = size_text(pulled.fetched_bytes) if pulled.fetched_bytes else "nothing"
            print(
                f"           whole: {len(pulled.lock.files)} files, "
                f"{size_text(pulled.lock.size_bytes)}, fetched {fetched}, checksums right\n"
                f"           {pulled.place}",
                flush=True,
            )
    except KeyboardInterrupt:
        print("interrupted; the same command resumes", file=sys.stderr)
        raise
    if args.into is not None:
        print(f"to use it: export HF_HUB_CACHE={args.into.resolve()}")
    return 0


def _pull(model: ModelWeights, args: argparse.Namespace) -> PulledModel | None:
    """The model after a pull; None for one that lies here and nowhere else.

    Raises:
        PullError: when it cannot be fetched.
    """
    from ppcr_ros.core.config import EMBEDDED
    from ppcr_ros.weights import download

    path = usable_path(model.model, "the checkpoint")
    if model.model == EMBEDDED or path.is_dir():
        return None
    if is_hub_name(model.model) and not path.exists():
        return download.pull(
            model.model,
            model.revision,
            cache=args.into,
            allow_unpinned=args.allow_unpinned,
        )
    if path.is_file() and path.name not in PUBLISHED_CHECKPOINTS:
        return None
    return download.pull_checkpoint(path)


def verify(args: argparse.Namespace) -> int:
    """``ppcr models verify``."""
    wrong = 0
    for model in _models(args):
        problems = _problems(model)
        state = "WRONG" if problems else "served" if model.elsewhere else "right"
        print(f"{state:8} {title(model)}", flush=True)
        for problem in problems:
            print(f"           {problem}", flush=True)
        wrong += bool(problems)
    return 1 if wrong else 0


def _problems(model: ModelWeights) -> list[str]:
    from ppcr_ros.core.config import EMBEDDED
    from ppcr_ros.weights.lock import differences, lock_path, read_lock

    if model.elsewhere:
        return []
    if model.place is None:
        return [f"absent: {model.problem}"]
    if model.model == EMBEDDED:
        return _embedded_problems(model.place)
    try:
        lock = read_lock(lock_path(model.place))
    except PPCRError as error:
        return [str(error)]
    if lock is None:
        advice = "ppcr models lock records it as it is now"
        if is_hub_name(model.model):
            advice = "ppcr models pull fetches and compares its checksums"
        return [f"never recorded, so that nothing can be compared: {advice}"]
    found = [f"{item.path}: {item.what}" for item in differences(model.place, lock)]
    return found or ([model.problem] if model.problem else [])


def _embedded_problems(place: Path) -> list[str]:
    from ppcr_ros.weights.location import EMBEDDED_FOLDER, read_checksums, sha256_of

    problems = []
    for name, expected in read_checksums().items():
        path = EMBEDDED_FOLDER / name
        if not path.is_relative_to(place):
            continue
        found = sha256_of(path) if path.is_file() else ""
        if found != expected:
            what = f"changed: sha256 {found[:16]}..., expected {expected[:16]}..."
            problems.append(f"{path}: {what if found else 'missing'}")
    return problems


def lock(args: argparse.Namespace) -> int:
    """``ppcr models lock``."""
    from ppcr_ros.core.config import EMBEDDED
    from ppcr_ros.weights.lock import lock_path, record, write_lock

    exit_code = 0
    for model in _models(args, needed=True):
        print(title(model), flush=True)
        if model.elsewhere:
            print(f"           {SERVED_ELSEWHERE}", flush=True)
        elif model.model == EMBEDDED:
            print("           shipped with its checksums", flush=True)
        elif model.place is None or model.problem:
            print(f"           not recorded: {model.problem}", flush=True)
            exit_code = 1
        else:
            written = record(model.place, model.model, model.revision)
            write_lock(written, lock_path(model.place))
            size = f"{len(written.files)} files, {size_text(written.size_bytes)}"
            print(f"           recorded: {size} in {lock_path(model.place)}", flush=True)
    return exit_code


def _models(args: argparse.Namespace, *, needed: bool = False) -> Iterator[ModelWeights]:
    """The models of the configuration files, each once.

    Raises:
        UsageError: when no file is named and one is ``needed``.
        ConfigError: when one is no valid configuration.
    """
    from ppcr_ros.core.config import EMBEDDED, load_config
    from ppcr_ros.weights.location import locate

    given = [*args.configs, *args.config]
    if needed and not given:
        raise UsageError(
            "name the configuration whose models are meant, such as --config "
            "config/qwen3_vl_4b_sam2.yaml; ppcr models list shows them all."
        )
    seen = set()
    for path in config_files(given):
        config = load_config(path)
        for index, model in enumerate(locate(config, args.into)):
            key = (model.model, model.revision, index if model.model == EMBEDDED else 0)
            if key not in seen:
                seen.add(key)
                yield model
