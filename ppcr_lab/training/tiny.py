"""``ppcr train tiny``: from nothing to the weights that the package ships.

Renders the scenes, trains the MLLM and the segmenter, fits how sure they are to how often they are
right, and writes it all into one folder with checksums. A training that is done is not done again,
and one that was stopped goes on. A prompt adapter between the two is trained where it is asked for.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from ppcr_lab.training import parallel
from ppcr_lab.training.calibration import TooLittleToFitError
from ppcr_ros.commands.common import config_of, natural_int, positive_float, positive_int, share
from ppcr_ros.core.config import EMBEDDED, NONE
from ppcr_ros.core.errors import PPCRError
from ppcr_ros.core.scoring import CALIBRATION_FILE
from ppcr_ros.models.segmenters.adapter_files import CONFIG_FILE
from ppcr_ros.weights.location import ADAPTER_FOLDER, CHECKSUMS_FILE, EMBEDDED_FOLDER, sha256_of

PARTS = ("render", "commands", "mllm", "segmenter", "adapter", "calibration", "install")
_USUAL_PARTS = tuple(part for part in PARTS if part not in ("commands", "adapter"))

_ADAPTER_SAMPLES, _ADAPTER_STEPS = 1600, 250
_CALIBRATION_SAMPLES = 1200
_ROLES = ("mllm", "segmenter")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--folder", type=Path, default=Path("runs/tiny"), help="where it all goes")
    parser.add_argument("--only", choices=PARTS, action="append", help="do these parts alone")
    parser.add_argument(
        "--scenes", type=positive_int, default=24_000, help="training scenes of the tabletop"
    )
    parser.add_argument(
        "--everyday",
        type=positive_int,
        default=64_000,
        help="training scenes of the everyday world",
    )
    parser.add_argument(
        "--first-scene",
        type=natural_int,
        default=0,
        help="the first training scene of each, for a run that is to see others than one before",
    )
    parser.add_argument(
        "--val-scenes", type=positive_int, default=400, help="held-out scenes of each"
    )
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument(
        "--processes",
        type=positive_int,
        default=2,
        help="processes that render, and that share each training step on the CPU",
    )
    parser.add_argument(
        "--threads", type=positive_int, default=1, help="CPU threads of each process"
    )
    parser.add_argument(
        "--steps", type=positive_int, help="steps of each training, instead of the recipe's"
    )
    parser.add_argument(
        "--tower-steps",
        type=int,
        help="steps of the vision tower alone before them, instead of the recipe's",
    )
    parser.add_argument(
        "--no-compile", action="store_true", help="do without torch.compile, for a short trial"
    )
    parser.add_argument(
        "--init",
        type=Path,
        metavar="FOLDER",
        help="let the MLLM and the segmenter go on from the weights in this folder's mllm and "
        "segmenter, or from these of the MLLM, at a lower rate; what comes out is a mean of the "
        "weights before and after",
    )
    parser.add_argument(
        "--start-share",
        type=share,
        help="with --init: the share 0..1 of the weights before in that mean",
    )
    parser.add_argument(
        "--minutes",
        type=positive_float,
        help="let each training follow the clock and end after this",
    )
    parser.add_argument(
        "--into",
        type=Path,
        default=EMBEDDED_FOLDER,
        help="where install puts the weights; default: the package, in place of those it ships",
    )


def run(args: argparse.Namespace) -> int:
    parts = args.only or _USUAL_PARTS
    if "render" in parts:
        _render(args)
    if "commands" in parts:
        _draw_commands(args)
    for part, train in (("mllm", _train_mllm), ("segmenter", _train_segmenter)):
        if part not in parts:
            continue
        if args.device == "cpu" and args.processes > 1 and not parallel.is_worker():
            parallel.in_processes(args.processes, _worker_arguments(args, part))
        else:
            train(args)
    if "adapter" in parts:
        _train_adapter(args)
    if "calibration" in parts:
        try:
            _calibrate(args)
        except TooLittleToFitError as error:  # as after a trial of a few steps
            print(f"no calibration: {error}")
    if "install" in parts:
        install(args.folder, args.into)
    return 0


def _worker_arguments(args: argparse.Namespace, part: str) -> list[str]:
    """The command line that trains one part in one of several processes."""
    line = ["train", "tiny", "--only", part, "--folder", str(args.folder)]
    line += ["--threads", str(args.threads)]
    for option, value in (
        ("--steps", args.steps),
        ("--tower-steps", args.tower_steps),
        ("--minutes", args.minutes),
        ("--init", args.init),
        ("--start-share", args.start_share),
    ):
        line += [] if value is None else [option, str(value)]
    return [*line, "--no-compile"] if args.no_compile else line


def _render(args: argparse.Namespace) -> None:
    from ppcr_lab.training.render import SceneSource, render_scenes, render_shards

    data = args.folder / "scenes"
    try:
        for world, count in (("tabletop", args.scenes), ("everyday", args.everyday)):
            held_out = SceneSource(world, "val", 0, args.val_scenes, 8)
            render_scenes(_held_out(args, world), held_out)
            source = SceneSource(world, "train", args.first_scene, count, 24)
            render_shards(data, source, processes=args.processes)
    except RuntimeError as error:  # MuJoCo or its GL library is missing; the text says what to do
        raise PPCRError(str(error)) from error


def _held_out(args: argparse.Namespace, world: str) -> Path:
    folder: Path = args.folder / "scenes" / ("val" if world == "tabletop" else f"{world}-val")
    return folder


def _train_folders(args: argparse.Namespace) -> list[Path]:
    return sorted((args.folder / "scenes").glob("*train-*"))


def _draw_commands(args: argparse.Namespace) -> None:
    """What people say has changed: new commands about the pictures that are there."""
    from ppcr_lab.training.render import redraw_shards

    held_out = [_held_out(args, world) for world in ("tabletop", "everyday")]
    redraw_shards([*held_out, *_train_folders(args)], processes=args.processes)


def _train_mllm(args: argparse.Namespace) -> None:
    import torch

    from ppcr_lab.training.train_mllm import MllmRecipe, MllmTraining

    torch.set_num_threads(args.threads)
    recipe = MllmRecipe(compiled=not args.no_compile)
    if args.init is not None:
        recipe = recipe.continuing()
    if args.steps is not None:
        recipe = replace(
            recipe,
            steps=args.steps,
            heads_steps=min(recipe.heads_steps, args.steps),
            tower_steps=min(recipe.tower_steps, args.steps),
        )
    if args.tower_steps is not None:
        recipe = replace(recipe, tower_steps=args.tower_steps)
    if args.start_share is not None:
        recipe = replace(recipe, start_share=args.start_share)
    MllmTraining(
        args.folder / "mllm",
        _train_folders(args),
        [_held_out(args, "tabletop"), _held_out(args, "everyday")],
        recipe,
        start=_weights_before(args, "mllm"),
        device=args.device,
        minutes=args.minutes,
    ).run()


def _weights_before(args: argparse.Namespace, role: str) -> Path | None:
    """The weights of a part to go on from; those of an MLLM may be given by themselves."""
    if args.init is None:
        return None
    if (args.init / role).is_dir():
        folder: Path = args.init / role
        return folder
    return args.init if role == "mllm" else None


def _train_segmenter(args: argparse.Namespace) -> None:
    import torch

    from ppcr_lab.training.train_segmenter import SegmenterRecipe, SegmenterTraining

    torch.set_num_threads(args.threads)
    start = _weights_before(args, "segmenter")
    recipe = SegmenterRecipe() if start is None else SegmenterRecipe().continuing()
    if args.steps is not None:
        recipe = replace(recipe, steps=args.steps)
    if args.start_share is not None:
        recipe = replace(recipe, start_share=args.start_share)
    SegmenterTraining(
        args.folder / "segmenter",
        _train_folders(args),
        [_held_out(args, "tabletop"), _held_out(args, "everyday")],
        recipe,
        start=start,
        device=args.device,
        minutes=args.minutes,
    ).run()


def _train_adapter(args: argparse.Namespace) -> None:
    """On what the MLLM of this run writes about scenes that it was not trained on."""
    from ppcr_lab.training import adapter_command

    steps = _ADAPTER_STEPS if args.steps is None else args.steps
    line = ["--data", "both:train", "--into", str(args.folder / "adapter"), "--train-decoder"]
    line += ["--mllm", str(_export(args, "mllm")), "--segmenter", str(_export(args, "segmenter"))]
    line += [
        "--start",
        str(args.first_scene + max(args.scenes, args.everyday)),
        "--limit",
        str(_ADAPTER_SAMPLES),
        "--steps",
        str(steps),
    ]
    line += ["--threads", str(args.processes * args.threads), "--device", args.device]
    if args.minutes is not None:
        line += ["--minutes", str(args.minutes)]
    parser = argparse.ArgumentParser()
    adapter_command.add_arguments(parser)
    adapter_command.run(parser.parse_args(line))


def _calibrate(args: argparse.Namespace) -> None:
    """On scenes that no part was trained on."""
    from ppcr_lab.training import calibration

    adapter = _export(args, "adapter")
    into = adapter / CALIBRATION_FILE if adapter.is_dir() else args.folder / CALIBRATION_FILE
    parser = argparse.ArgumentParser()
    calibration.add_arguments(parser)
    line = ["--data", "both:val", "--limit", str(_CALIBRATION_SAMPLES)]
    line += ["--start", str(args.val_scenes)]
    line += ["--into", str(into), "--device", args.device]
    chosen = parser.parse_args([*line, "--threads", str(args.processes * args.threads)])
    config = config_of(chosen)
    config = replace(
        config,
        mllm=replace(config.mllm, model=str(_export(args, "mllm"))),
        segmenter=replace(
            config.segmenter,
            model=str(_export(args, "segmenter")),
            prompt_adapter=str(adapter) if adapter.is_dir() else NONE,
        ),
    )
    calibration.calibrate(chosen, config)


def _export(args: argparse.Namespace, part: str) -> Path:
    folder: Path = args.folder / part / "export"
    return folder


def install(run_folder: Path, into: Path) -> None:
    """Copy the exports of ``run_folder`` into ``into`` and write their checksums there.

    An adapter, where one was trained, lies beside the segmenter's weights, where
    ``segmenter.prompt_adapter: auto`` looks, its calibration in it; without one the calibration of
    both models lies beside them. What is installed already stays until all of the new is there.

    Raises:
        PPCRError: when a part has not been trained.
    """
    exports = {part: run_folder / part / "export" for part in (*_ROLES, "adapter")}
    for part in _ROLES:
        if not exports[part].is_dir():
            raise PPCRError(f"{exports[part]} is not there; train it first: --only {part}.")
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=into, prefix=".new-") as work:
        new = Path(work)
        for role in _ROLES:
            shutil.copytree(exports[role], new / role)
        if exports["adapter"].is_dir():
            adapter = new / "segmenter" / ADAPTER_FOLDER
            shutil.copytree(exports["adapter"], adapter)
            _made_for_embedded(adapter / CONFIG_FILE)
        elif (run_folder / CALIBRATION_FILE).is_file():
            shutil.copy(run_folder / CALIBRATION_FILE, new)
        lines = [
            f"{sha256_of(path)}  {path.relative_to(new).as_posix()}"
            for path in sorted(new.rglob("*"))
            if path.is_file()
        ]
        for role in _ROLES:
            shutil.rmtree(into / role, ignore_errors=True)
            (new / role).rename(into / role)
        (into / CALIBRATION_FILE).unlink(missing_ok=True)
        if (new / CALIBRATION_FILE).is_file():
            (new / CALIBRATION_FILE).rename(into / CALIBRATION_FILE)
    (into / CHECKSUMS_FILE).write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"wrote {len(lines)} files and {CHECKSUMS_FILE} into {into}")


def _made_for_embedded(path: Path) -> None:
    """Let an adapter's configuration name its two models as they are named once installed."""
    config = json.loads(path.read_text(encoding="utf-8"))
    for role in _ROLES:
        config[role]["model"] = EMBEDDED
    path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
