"""``ppcr train knowledge``: what an MLLM knows of its own limits, laid beside its weights.

Pictures that were learnt from give the summaries that are familiar; on held-out pictures, as they
are and as other cameras would show them, it is counted how often "it is not there" is right.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from ppcr_lab.evaluation.metrics import expected_calibration_error
from ppcr_lab.training.calibration import fit_logistic
from ppcr_lab.training.photography import photographed
from ppcr_ros.commands.common import positive_int
from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.core.errors import PPCRError, PromptParseError
from ppcr_ros.core.knowledge import KNOWLEDGE_FILE, Knowledge, log_odds
from ppcr_ros.core.types import Array, Frame

_AXES = 32
_WITHIN = 0.99
_DISTRUST = 0.5
"""What a unit of unfamiliarity beyond all that was learnt from takes off the logit: no held-out
picture tells how much, so that this is chosen and not fitted."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--mllm", type=Path, required=True, help="folder of ppcr-tiny's weights")
    parser.add_argument(
        "--scenes", type=Path, required=True, help="folder with the rendered scenes of the training"
    )
    parser.add_argument(
        "--pictures", type=positive_int, default=1000, help="pictures of each kind to look at"
    )
    parser.add_argument(
        "--commands", type=positive_int, default=1500, help="commands to ask about held-out ones"
    )
    parser.add_argument("--threads", type=positive_int, default=2, help="CPU threads of torch")


def run(args: argparse.Namespace) -> int:
    import torch

    torch.set_num_threads(args.threads)
    knowledge = fit_knowledge(args.mllm, args.scenes, args.pictures, args.commands)
    knowledge.save(args.mllm / KNOWLEDGE_FILE)
    print(f"{knowledge.fitted_on}; wrote {args.mllm / KNOWLEDGE_FILE}")
    return 0


@dataclass
class SaidAbsent:
    """How often "it is not there" was right, and what it was said with."""

    rows: list[tuple[float, float]] = field(default_factory=list)
    right: list[bool] = field(default_factory=list)

    def add(self, said: float, doubt: bool, right: bool) -> None:
        """Count one answer."""
        self.rows.append((log_odds(said), float(doubt)))
        self.right.append(right)


def fit_knowledge(mllm: Path, scenes: Path, pictures: int, commands: int) -> Knowledge:
    """Ask the model in folder ``mllm`` about the scenes in ``scenes``, and fit.

    Raises:
        PPCRError: when there are no scenes, or hardly ever is said that something is not there.
    """
    from ppcr_lab.training.render import RenderedScenes
    from ppcr_ros.core.config import MllmConfig
    from ppcr_ros.models.factory import load_mllm

    train = [RenderedScenes.load(path) for path in sorted(scenes.glob("*train-*"))]
    held_out = [RenderedScenes.load(path) for path in sorted(scenes.glob("*val"))]
    if not train or not held_out:
        raise PPCRError(f"{scenes} has no rendered scenes; expected those of ppcr train tiny.")
    model: Any = load_mllm(MllmConfig(family="ppcr_tiny", model=str(mllm)), offline=True)
    rng = np.random.default_rng(0)
    learnt = _summaries(model, train, pictures, rng)
    mean, axes = whitening(learnt)
    distances = _distances(_summaries(model, held_out, pictures // 2, rng), mean, axes)
    limit = float(np.quantile(distances, _WITHIN))
    said = _ask(model, held_out, commands, rng)
    absent, facts = _absent_terms(said)
    facts |= {"pictures": len(learnt), "commands": commands, "limit_share": _WITHIN}
    return Knowledge(mean, axes, limit, absent, facts)


def whitening(summaries: Array) -> tuple[Array, Array]:
    """The mean (d,) and axes (k, d) in which (n, d) summaries have a deviation of 1 each."""
    mean = summaries.mean(axis=0)
    _, deviations, axes = np.linalg.svd(summaries - mean, full_matrices=False)
    kept = min(_AXES, len(deviations))
    scale = deviations[:kept] / np.sqrt(max(len(summaries) - 1, 1))
    return mean, axes[:kept] / np.maximum(scale, 1e-6)[:, None]


def _distances(summaries: Array, mean: Array, axes: Array) -> Array:
    whitened = (summaries - mean) @ axes.T
    distances: Array = np.sqrt((whitened**2).mean(axis=1))
    return distances


def _draw(scenes: list[Any], rng: np.random.Generator) -> tuple[Any, int]:
    part = scenes[int(rng.integers(len(scenes)))]
    return part, int(rng.integers(len(part)))


def _frame(part: Any, row: int, rng: np.random.Generator) -> Frame:
    """A picture, in half of the cases as another camera shows it."""
    rgb = np.asarray(part.rgb[row])
    if rng.random() < 0.5:
        rgb = photographed(rgb, np.asarray(part.instance[row]) >= 0, rng)
    return Frame(np.ascontiguousarray(rgb))


def _summaries(model: Any, scenes: list[Any], count: int, rng: np.random.Generator) -> Array:
    """(n, d) float64, of pictures drawn from ``scenes``."""
    found = []
    for _ in tqdm(range(count), desc="look", mininterval=5.0):
        conversation = model.open(_frame(*_draw(scenes, rng), rng))
        conversation.read_image()
        found.append(conversation.image_summary)
    return np.array(found, np.float64)


def _ask(model: Any, scenes: list[Any], count: int, rng: np.random.Generator) -> SaidAbsent:
    """Ask stage 1 about held-out scenes."""
    said = SaidAbsent()
    for _ in tqdm(range(count), desc="ask", mininterval=5.0):
        part, row = _draw(scenes, rng)
        commands = part.records[row].commands
        if not commands:
            continue
        command = commands[int(rng.integers(len(commands)))]
        conversation = model.open(_frame(part, row, rng))
        turn = model.dialect.semantic_turn(command.text)
        answer = conversation.ask(turn, max_new_tokens=100, cancel=CancelToken())
        try:
            semantic = model.dialect.parse_semantic(answer)
        except PromptParseError:
            continue
        if not semantic.present and semantic.not_found_probability is not None:
            right = command.target is None and not command.fitting
            said.add(semantic.not_found_probability, bool(semantic.doubt), right)
    return said


def _absent_terms(said: SaidAbsent) -> tuple[dict[str, float], dict[str, Any]]:
    right = np.array(said.right, np.float64)
    if len(right) < 30 or len(set(said.right)) < 2:
        raise PPCRError(
            f"the model said {len(right)} times that nothing fits, {int(right.sum())} of them "
            "rightly; expected at least 30, some right and some wrong. Ask more: --commands."
        )
    rows = np.array(said.rows)
    bias, weights = fit_logistic(rows, right)
    terms = {
        "bias": bias,
        "said": float(max(weights[0], 0.0)),
        "doubt": float(weights[1]),
        "unfamiliar": _DISTRUST,
    }
    chances = 0.5 + 0.5 * np.tanh(0.5 * (bias + rows @ [terms["said"], terms["doubt"]]))
    ece = expected_calibration_error(chances.tolist(), said.right)
    return terms, {"said": len(right), "right": int(right.sum()), "ece": round(ece or 0.0, 4)}
