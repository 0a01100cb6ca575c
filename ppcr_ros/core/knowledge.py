"""Knowledge of a model about its own limits.

It tells whether a picture is like those that the model has learnt from, and how often the model is
right when it says that something is not there.
"""

from __future__ import annotations

import json
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

KNOWLEDGE_FILE = "knowledge.json"
"""Beside a model's own weights."""
UNLIKE = (
    "The picture is unlike all that this model has learnt from: do not rely on this answer. Bring "
    "the camera closer, use more even light, or name a model that knows such pictures."
)
ABSENT_TERMS = ("bias", "model", "doubt", "unfamiliar")
_MOST_UNFAMILIAR = 4.0
_SHOWN_FROM = 0.2
"""A token shows a thing from this chance on: a table too many costs less than a thing too few."""


@dataclass(frozen=True)
class Knowledge:
    """Fitted by ``ppcr train knowledge``; it holds for one model's weights.

    Attributes:
        mean: (d,) the middle of the summaries of the pictures that were learnt from.
        axes: (k, d) what a summary less the mean is multiplied with, so that each of the k numbers
            has a deviation of 1 over those pictures.
        things: what tells an image token that shows something with a name: the weight of each of
            its features, and at the end a bias, of a logit; empty where that was not fitted.
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
    things: Array = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        shapes = self.axes.ndim == 2 and self.mean.shape == self.axes.shape[1:]
        numbers = (self.limit, *self.absent.values(), *self.mean.ravel(), *self.axes.ravel())
        if not shapes or set(self.absent) != set(ABSENT_TERMS) or not np.isfinite(numbers).all():
            raise ConfigError(
                f"what a model knows has a mean of shape {self.mean.shape}, axes of shape "
                f"{self.axes.shape} and the terms {sorted(self.absent)}; expected (d,), (k, d), "
                f"{', '.join(ABSENT_TERMS)}, all finite. Fit it again: ppcr train knowledge."
            )
        shape, width = self.things.shape, len(self.mean) // 2 + 1
        if shape not in ((0,), (width,)) or not np.isfinite(self.things).all():
            raise ConfigError(
                f"what tells tokens of things apart is {self.things.dtype} of shape {shape}; "
                f"expected {width} finite numbers, or none. Fit it again: ppcr train knowledge."
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
        if not len(self.things) or side * side != len(tokens):
            return None
        logits = tokens @ self.things[:-1] + self.things[-1]
        shown = (logits > log_odds(_SHOWN_FROM)).reshape(side, side)
        rows, columns = np.flatnonzero(shown.any(axis=1)), np.flatnonzero(shown.any(axis=0))
        if not len(rows):
            return None
        ends = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
        return Window(*(float(end) / side for end in ends))

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
            "things": np.round(self.things, 5).tolist(),
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
            return cls(
                mean=np.array(document["mean"], np.float64),
                axes=np.array(document["axes"], np.float64),
                limit=float(document["limit"]),
                absent={name: float(value) for name, value in document["absent"].items()},
                fitted_on=dict(document["fitted_on"]),
                things=np.array(document.get("things", []), np.float64),
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
