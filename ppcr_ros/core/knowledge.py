"""Knowledge of a model about its own limits.

It tells whether a picture is like those that the model has learnt from, what its image tokens show,
whatever the model says of them, and how often it is right when it says that something is not there.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ppcr_ros.core.errors import ConfigError
from ppcr_ros.core.odds import log_odds, probability_of
from ppcr_ros.core.types import Array, SemanticPrompt
from ppcr_ros.core.window import Window

_LOG = logging.getLogger(__name__)
KNOWLEDGE_FILE = "knowledge.json"
"""Beside a model's own weights."""
UNLIKE = (
    "The picture is unlike all that this model has learnt from: do not rely on this answer. Bring "
    "the camera closer, use more even light, or name a model that knows such pictures."
)
ABSENT_TERMS = ("bias", "model", "doubt", "unfamiliar")
_MOST_UNFAMILIAR = 4.0
NO_KIND = ""
"""What a token shows that shows nothing with a name."""
_SHOWN_FROM = 0.2
"""A token shows a thing from this chance on: a table too many costs less than a thing too few."""


@dataclass(frozen=True)
class Knowledge:
    """Fitted by ``ppcr train knowledge``; it holds for one model's weights.

    Attributes:
        mean: (d,) the middle of the summaries of the pictures that were learnt from.
        axes: (k, d) what a summary less the mean is multiplied with, so that each of the k numbers
            has a deviation of 1 over those pictures.
        kinds: what tells the kind of thing that an image token shows, `NO_KIND` among them: by kind
            the weight of each of the token's features, and at the end a bias, of a logit; the
            softmax over the kinds is their chances. Empty where that was not fitted.
        limit: how far from the middle, as a root mean square of the k numbers, all but one in a
            hundred of held-out pictures are.
        absent: the logit that "it is not there" is right: ``bias``, what a unit of the logit of the
            model's own probability adds (``model``), what it adds that the answer contradicts
            itself (``doubt``), and what a unit of unfamiliarity above 1 takes off (``unfamiliar``).
        fitted_on: facts of the fit, for the reader.
    """

    mean: Array
    axes: Array
    limit: float
    absent: Mapping[str, float]
    fitted_on: Mapping[str, Any] = field(default_factory=dict)
    kinds: Mapping[str, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shapes = self.axes.ndim == 2 and self.mean.shape == self.axes.shape[1:]
        numbers = (self.limit, *self.absent.values(), *self.mean.ravel(), *self.axes.ravel())
        if not shapes or set(self.absent) != set(ABSENT_TERMS) or not np.isfinite(numbers).all():
            raise ConfigError(
                f"what a model knows has a mean of shape {self.mean.shape}, axes of shape "
                f"{self.axes.shape} and the terms {sorted(self.absent)}; expected (d,), (k, d), "
                f"{', '.join(ABSENT_TERMS)}, all finite. Fit it again: ppcr train knowledge."
            )
        width = len(self.mean) // 2 + 1
        fitting = all(v.shape == (width,) and np.isfinite(v).all() for v in self.kinds.values())
        if not fitting or (self.kinds and NO_KIND not in self.kinds):
            shapes_told = {kind: weights.shape for kind, weights in self.kinds.items()}
            raise ConfigError(
                f"what tells kinds of things apart has the shapes {shapes_told}; expected {width} "
                f"finite numbers for each kind and for {NO_KIND!r}, or no kinds. Fit it again: "
                "ppcr train knowledge."
            )
        if self.limit <= 0.0:
            raise ConfigError(f"the limit is {self.limit}; expected more than 0.")

    def unfamiliarity(self, summary: Array) -> float:
        """How unlike the pictures that were learnt from a picture is: above 1 unlike all of them.

        Args:
            summary: (d,) float32, of the picture's own features.
        """
        whitened = self.axes @ (np.asarray(summary, np.float64) - self.mean)
        return float(np.sqrt(np.mean(whitened**2)) / self.limit)

    def extent(self, tokens: Array) -> Window | None:
        """What all that has a name lies in, as the model sees it; None where it sees nothing.

        Args:
            tokens: (n, d) float32 of a picture, as many in a row as there are rows.
        """
        side = math.isqrt(len(tokens))
        if not self.kinds or side * side != len(tokens):
            return None
        shown = (1.0 - self._chances(tokens)[NO_KIND] > _SHOWN_FROM).reshape(side, side)
        rows, columns = np.flatnonzero(shown.any(axis=1)), np.flatnonzero(shown.any(axis=0))
        if not len(rows):
            return None
        ends = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
        return Window(*(float(end) / side for end in ends))

    def kind_probability(self, tokens: Array, box_xyxy: Array, kind: str) -> float | None:
        """The chance 0..1 that what is seen in a box is of a kind; None for a kind that is unknown.

        Of all in the box that shows a thing, as its tokens have it: how much is of this kind.

        Args:
            tokens: as of `extent`.
            box_xyxy: (4,) in shares of the picture.
            kind: ``mug``.
        """
        side = math.isqrt(len(tokens))
        if kind == NO_KIND or kind not in self.kinds or side * side != len(tokens):
            return None
        chances, shares = self._chances(tokens), _shares_of_tokens(box_xyxy, side)
        of_things = float(shares @ (1.0 - chances[NO_KIND]))
        return float(shares @ chances[kind]) / of_things if of_things > 0.0 else None

    def _chances(self, tokens: Array) -> dict[str, Array]:
        """For each kind the chance (n,) that a token shows it."""
        weights = np.stack([*self.kinds.values()])
        logits = tokens @ weights[:, :-1].T + weights[:, -1]
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        return dict(zip(self.kinds, (odds / odds.sum(axis=1, keepdims=True)).T, strict=True))

    def probability_absent(
        self, model_chance: float, doubt: bool, unfamiliarity: float | None
    ) -> float:
        """The chance 0..1 that nothing fits, where the model says so.

        Args:
            model_chance: 0..1, the model's own probability of saying so.
            doubt: whether it named something, and the answer contradicts itself.
            unfamiliarity: of the picture; None where it is not known.
        """
        terms = self.absent
        beyond = beyond_limit(unfamiliarity or 0.0)
        logit = terms["bias"] + terms["model"] * log_odds(model_chance)
        logit += terms["doubt"] * float(doubt) - terms["unfamiliar"] * beyond
        return probability_of(logit)

    def judge(self, semantic: SemanticPrompt, unfamiliarity: float | None) -> float | None:
        """The chance that nothing fits; None where the model does not say that nothing does."""
        probability = semantic.not_found_probability
        if probability is None or semantic.present:
            return None
        return self.probability_absent(probability, bool(semantic.doubt), unfamiliarity)

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        document = {
            **asdict(self),
            "mean": np.round(self.mean, 5).tolist(),
            "axes": np.round(self.axes, 5).tolist(),
            "kinds": {kind: np.round(row, 5).tolist() for kind, row in self.kinds.items()},
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Knowledge:
        """Read what `save` wrote.

        Raises:
            ConfigError: when the file cannot be read, or is not what it should be.
        """
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            if "kinds" not in document:
                _LOG.warning(
                    "%s tells no kinds of things, so that no closer look is taken; it may be of "
                    "another version. Fit it again: ppcr train knowledge.", path,
                )  # fmt: skip
            return cls(
                mean=np.array(document["mean"], np.float64),
                axes=np.array(document["axes"], np.float64),
                limit=float(document["limit"]),
                absent={name: float(value) for name, value in document["absent"].items()},
                fitted_on=dict(document["fitted_on"]),
                kinds={
                    str(kind): np.array(row, np.float64)
                    for kind, row in document.get("kinds", {}).items()
                },
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ConfigError(
                f"cannot read what the model knows of itself, {path}: {type(error).__name__}: "
                f"{error}. Expected a file of ppcr train knowledge; without the file the model "
                "works, and says nothing of it."
            ) from error


def beyond_limit(unfamiliarity: float) -> float:
    """How far unfamiliarity goes beyond what was learnt from, bounded."""
    return min(max(unfamiliarity - 1.0, 0.0), _MOST_UNFAMILIAR)


def _shares_of_tokens(box_xyxy: Array, side: int) -> Array:
    """How much of each of the side * side tokens, row by row, a box in shares covers, 0..1."""
    edges = np.arange(side) / side
    x1, y1, x2, y2 = box_xyxy
    columns, rows = (
        np.clip(np.minimum(high, edges + 1.0 / side) - np.maximum(low, edges), 0.0, None) * side
        for low, high in ((x1, x2), (y1, y2))
    )
    return np.outer(rows, columns).ravel()
