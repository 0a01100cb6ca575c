"""``ppcr train knowledge``: what an MLLM knows of its own limits, laid beside its weights.

Pictures that were learnt from give the summaries that are familiar; on held-out pictures, as they
are and as other cameras would show them, it is counted how often "it is not there" is right.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from ppcr_lab.evaluation.metrics import expected_calibration_error
from ppcr_lab.sim.commands import KINDS
from ppcr_lab.training.calibration import fit_logistic
from ppcr_lab.training.photography import photographed
from ppcr_lab.training.render import RenderedScenes
from ppcr_ros.commands.common import positive_int, share
from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.core.errors import PPCRError, PromptParseError
from ppcr_ros.core.knowledge import (
    ABSENT_TERMS,
    KNOWLEDGE_FILE,
    NO_KIND,
    Knowledge,
    beyond_limit,
)
from ppcr_ros.core.looks import closer_window
from ppcr_ros.core.odds import log_odds
from ppcr_ros.core.types import Array, Frame
from ppcr_ros.core.window import WHOLE_FRAME, Window

_AXES = 32
_WITHIN = 0.99
_OTHERS_SHARE = 0.15
"""Of the tokens that show nothing with a name, which are most, so many are learnt from."""
_KIND_STEPS = 100
_KIND_RIDGE = 1e-5
_SHOWS = 0.3
"""A token shows a thing that fills so much of its patch."""
_DISTRUST = 0.5
"""What a unit of unfamiliarity beyond all that was learnt from takes off the logit, where too few
pictures that were asked about are so unfamiliar that it could be fitted."""


_ENOUGH_STRANGE = 0.05


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--mllm", type=Path, required=True, help="folder of ppcr-tiny's weights")
    parser.add_argument(
        "--learnt", type=Path, nargs="+", required=True, help="rendered scenes of its training"
    )
    parser.add_argument(
        "--held-out", type=Path, nargs="+", required=True, help="others of the same worlds"
    )
    parser.add_argument(
        "--asked",
        type=Path,
        nargs="+",
        help="held-out scenes to ask about; also of worlds that it does not know; default: those "
        "of --held-out",
    )
    parser.add_argument(
        "--changed",
        type=share,
        default=0.5,
        help="share of the pictures that it knows as other cameras show them; 0 for weights that "
        "did not learn from such; default: %(default)s",
    )
    parser.add_argument(
        "--pictures", type=positive_int, default=1000, help="pictures of its training to look at"
    )
    parser.add_argument(
        "--commands", type=positive_int, default=1500, help="commands to ask about held-out ones"
    )
    parser.add_argument("--threads", type=positive_int, default=2, help="CPU threads of torch")


def run(args: argparse.Namespace) -> int:
    import torch

    torch.set_num_threads(args.threads)
    scenes = KnownScenes.load(args.learnt, args.held_out, args.asked, args.changed)
    knowledge = fit_knowledge(args.mllm, scenes, args.pictures, args.commands)
    knowledge.save(args.mllm / KNOWLEDGE_FILE)
    print(f"{dict(knowledge.fitted_on)}; wrote {args.mllm / KNOWLEDGE_FILE}")
    return 0


@dataclass(frozen=True)
class KnownScenes:
    """Scenes that a model has learnt from, others of the same worlds, and those it is asked about.

    ``changed`` is the share of pictures that are seen as by other cameras.
    """

    learnt: list[RenderedScenes]
    held_out: list[RenderedScenes]
    asked: list[RenderedScenes]
    changed: float

    @classmethod
    def load(
        cls, learnt: list[Path], held_out: list[Path], asked: list[Path] | None, changed: float
    ) -> KnownScenes:
        """Read folders of rendered scenes.

        Raises:
            PPCRError: when one of them is none.
        """
        try:
            first, second, third = (
                [RenderedScenes.load(path) for path in paths]
                for paths in (learnt, held_out, asked or held_out)
            )
        except OSError as error:
            raise PPCRError(
                f"no rendered scenes: {error}. Expected folders of ppcr train tiny."
            ) from error
        return cls(first, second, third, changed)


@dataclass
class AbsenceClaims:
    """Answers "it is not there": what each was said with, and whether it was right."""

    rows: list[tuple[float, float, float]] = field(default_factory=list)
    right: list[bool] = field(default_factory=list)

    def add(self, said: float, doubt: bool, right: bool, unfamiliarity: float = 0.0) -> None:
        """Count one answer."""
        self.rows.append((log_odds(said), float(doubt), beyond_limit(unfamiliarity)))
        self.right.append(right)


def fit_knowledge(mllm: Path, scenes: KnownScenes, pictures: int, commands: int) -> Knowledge:
    """Ask the model in folder ``mllm`` about ``scenes``, and fit.

    Raises:
        PPCRError: when it hardly ever says that something is not there.
    """
    from ppcr_ros.core.config import MllmConfig
    from ppcr_ros.models.factory import load_mllm

    model: Any = load_mllm(MllmConfig(family="ppcr_tiny", model=str(mllm)), offline=True)
    rng = np.random.default_rng(0)
    learnt = _summaries(model, scenes.learnt, pictures, scenes.changed, rng)
    mean, axes = whitening(learnt)
    kinds, facts_of_kinds = _kinds(model, scenes, pictures, rng)
    held_out = _summaries(model, scenes.held_out, pictures // 2, scenes.changed, rng)
    limit = float(np.quantile(_distances(held_out, mean, axes), _WITHIN))
    known = Knowledge(mean, axes, limit, dict.fromkeys(ABSENT_TERMS, 0.0), kinds=kinds)
    said = _ask(model, known, scenes, commands, rng)
    absent, facts = absent_terms(said)
    facts |= {"pictures": len(learnt), "commands": commands, "limit_share": _WITHIN}
    facts |= facts_of_kinds
    return replace(known, absent=absent, fitted_on=facts)


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


def _kinds(
    model: Any, scenes: KnownScenes, pictures: int, rng: np.random.Generator
) -> tuple[dict[str, Array], dict[str, Any]]:
    """What tells kinds by tokens, (d + 1,) for each, and how many tokens it tells right."""
    rows, shown = _tokens(model, scenes.learnt, pictures, scenes.changed, _OTHERS_SHARE, rng)
    kinds = fit_kinds(rows, shown)
    kinds[NO_KIND][-1] -= math.log(_OTHERS_SHARE)
    others, truth = _tokens(model, scenes.held_out, pictures // 4, scenes.changed, 1.0, rng)
    logits = np.stack([others @ weights[:-1] + weights[-1] for weights in kinds.values()])
    names, things = np.array([*kinds]), truth != NO_KIND
    told = names[1:][logits[1:].argmax(axis=0)]  # NO_KIND is the first in the order of names
    return kinds, {
        "tokens": len(rows),
        "tokens_right": round(float(((logits.argmax(axis=0) > 0) == things).mean()), 4),
        "kinds_right": round(float((told == truth)[things].mean()), 4),
    }


def fit_kinds(rows: Array, shown: Array) -> dict[str, Array]:
    """Multinomial logistic regression of what tokens show: (d + 1,) float64 for each kind.

    Args:
        rows: (n, d) float64, tokens.
        shown: (n,) str, the kind that each shows, or `NO_KIND`.
    """
    import torch

    names, labels = np.unique(shown, return_inverse=True)
    middle, spread = rows.mean(axis=0), rows.std(axis=0) + 1e-6
    inputs = torch.from_numpy((rows - middle) / spread)
    truth = torch.from_numpy(labels)
    layer = torch.nn.Linear(rows.shape[1], len(names)).double()
    torch.nn.init.zeros_(layer.weight)
    torch.nn.init.zeros_(layer.bias)
    solver = torch.optim.LBFGS(
        layer.parameters(), max_iter=_KIND_STEPS, line_search_fn="strong_wolfe"
    )

    def loss() -> torch.Tensor:
        solver.zero_grad()
        value = torch.nn.functional.cross_entropy(layer(inputs), truth)
        value = value + _KIND_RIDGE * layer.weight.square().sum()
        value.backward()
        return value

    solver.step(loss)
    weights = layer.weight.detach().numpy() / spread
    biases = layer.bias.detach().numpy() - weights @ middle
    return {
        str(name): np.array([*row, bias])
        for name, row, bias in zip(names, weights, biases, strict=True)
    }


def _tokens(
    model: Any,
    scenes: list[Any],
    count: int,
    changed: float,
    others_share: float,
    rng: np.random.Generator,
) -> tuple[Array, Array]:
    """(n, d) float64, tokens of pictures drawn from ``scenes``, all of things and a share of the
    others; (n,) str, the kind that each shows."""
    rows, shown = [], []
    for _ in tqdm(range(count), desc="tell kinds", mininterval=5.0):
        part, row = _draw(scenes, rng)
        instance = np.asarray(part.instance[row])
        window = _part_with_things(instance) if rng.random() < 0.5 else WHOLE_FRAME
        conversation = model.open_window(_frame(part, row, changed, rng), window)
        conversation.read_image()
        instance = conversation.window.cut(instance)
        tokens = conversation.image_tokens
        side = math.isqrt(len(tokens))
        names = [kind for _, _, kind, _ in part.records[row].objects]
        filled = np.stack([
            cv2.resize((instance == number).astype(np.float32), (side, side),
                       interpolation=cv2.INTER_AREA).ravel()
            for number in range(len(names))
        ])  # fmt: skip
        most = filled.argmax(axis=0)
        kinds = np.where(filled.sum(axis=0) > _SHOWS, np.array(names)[most], NO_KIND)
        some = (kinds != NO_KIND) | (rng.random(len(tokens)) < others_share)
        rows.append(tokens[some])
        shown.append(kinds[some])
    return np.concatenate(rows).astype(np.float64), np.concatenate(shown)


def _part_with_things(instance: Array) -> Window:
    """The part of a picture (H, W) that a further look is taken at."""
    (height, width), (rows, columns) = instance.shape, np.nonzero(instance >= 0)
    if not len(rows):
        return WHOLE_FRAME
    ends = Window(
        columns.min() / width,
        rows.min() / height,
        (columns.max() + 1) / width,
        (rows.max() + 1) / height,
    )
    return closer_window(ends) or WHOLE_FRAME


def _frame(part: Any, row: int, changed: float, rng: np.random.Generator) -> Frame:
    """A picture, in a share of the cases as another camera shows it."""
    rgb = np.asarray(part.rgb[row])
    if rng.random() < changed:
        rgb = photographed(rgb, np.asarray(part.instance[row]) >= 0, rng)
    return Frame(np.ascontiguousarray(rgb))


def _summaries(
    model: Any, scenes: list[Any], count: int, changed: float, rng: np.random.Generator
) -> Array:
    """(n, d) float64, of pictures drawn from ``scenes``."""
    found = []
    for _ in tqdm(range(count), desc="look", mininterval=5.0):
        conversation = model.open(_frame(*_draw(scenes, rng), changed, rng))
        conversation.read_image()
        found.append(conversation.image_summary)
    return np.array(found, np.float64)


def _ask(
    model: Any, known: Knowledge, scenes: KnownScenes, count: int, rng: np.random.Generator
) -> AbsenceClaims:
    """Ask stage 1 about held-out scenes."""
    said = AbsenceClaims()
    for _ in tqdm(range(count), desc="ask", mininterval=5.0):
        part, row = _draw(scenes.asked, rng)
        # What else is said is read by rules before a model is asked.
        commands = [item for item in part.records[row].commands if item.kind in KINDS]
        if not commands:
            continue
        command = commands[int(rng.integers(len(commands)))]
        conversation = model.open(_frame(part, row, scenes.changed, rng))
        turn = model.dialect.semantic_turn(command.text)
        answer = conversation.ask(turn, max_new_tokens=100, cancel=CancelToken())
        try:
            semantic = model.dialect.parse_semantic(answer)
        except PromptParseError:
            continue
        if not semantic.present and semantic.not_found_probability is not None:
            right = command.target is None and not command.fitting
            unlike = known.unfamiliarity(conversation.image_summary)
            said.add(semantic.not_found_probability, bool(semantic.doubt), right, unlike)
    return said


def absent_terms(said: AbsenceClaims) -> tuple[dict[str, float], dict[str, Any]]:
    """The terms of a probability that "not there" is right, and how well they fit.

    Raises:
        PPCRError: when there are too few answers to fit them to.
    """
    right = np.array(said.right, np.float64)
    if len(right) < 30 or len(set(said.right)) < 2:
        raise PPCRError(
            f"the model said {len(right)} times that nothing fits, {int(right.sum())} of them "
            "rightly; expected at least 30, some right and some wrong. Ask more: --commands."
        )
    rows = np.array(said.rows)
    strange = float((rows[:, 2] > 0.0).mean())
    used = 3 if strange > _ENOUGH_STRANGE else 2
    bias, weights = fit_logistic(rows[:, :used], right)
    terms = {
        "bias": bias,
        "model": float(max(weights[0], 0.0)),
        "doubt": float(weights[1]),
        "unfamiliar": float(max(-weights[2], 0.0)) if used == 3 else _DISTRUST,
    }
    logits = bias + rows @ [terms["model"], terms["doubt"], -terms["unfamiliar"]]
    chances = 0.5 + 0.5 * np.tanh(0.5 * logits)
    ece = expected_calibration_error(chances.tolist(), said.right)
    return terms, {
        "claims": len(right),
        "right": int(right.sum()),
        "strange": round(strange, 3),
        "ece": round(ece or 0.0, 4),
    }
