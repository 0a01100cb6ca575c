"""Further looks: where one look at a frame leaves doubt, what several of them say together.

A model that reads images of one small size sees little of what is far away. It sees more in a part
of the frame that holds all the things. And it errs in another way where it is asked for the box
straight from the command, without a semantic prompt between. What several looks agree on is right
more often than what one look is sure of.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ppcr_ros.core.errors import PromptParseError, TargetAmbiguous, TargetForbidden, TargetNotFound
from ppcr_ros.core.masks import Instance, Segmentation, iou_of_masks
from ppcr_ros.core.run import Run
from ppcr_ros.core.window import Window

MARGIN_SHARE = 0.05
"""Around the things, in shares of the frame's sides."""
DIRECT_SHARE = 0.7
"""What a look without stage 1 counts, of one that goes through all stages."""
ENOUGH = 1.2
"""Looks that say the same and together weigh so much are enough: no further one is taken."""
_MOST_OF_IT = 0.9
"""A window that shows more of the frame is no closer look."""
_SAME = 0.5
"""Masks that overlap further are of one object, or of the same several."""
_SECONDED = 0.22
"""Of all that fit each needs more than this share of the weight of all looks. One look overlooks a
thing among many more often than it sees one that is not there."""
_DISTRUST_EXPONENT = 0.2
"""Of the chance that what was found is of its kind, by image tokens, in what a look counts."""
_KIND_EXPONENT = 0.5
"""The same for each of all that fit: which of them there are is what is asked then."""
_UNKNOWN = 0.5
"""What a look counts that gives no probability: where several fit, or nothing in its own words."""

Outcome = TargetNotFound | TargetAmbiguous | PromptParseError


@dataclass(frozen=True)
class Look:
    """Outcome of the stages for one window.

    Attributes:
        run: how far it got, with its prompts and notes.
        found: what was found; None where ``outcome`` says what came instead.
        outcome: that nothing or several fit, or that no prompt could be read.
        share: what it counts beside the others, 0..1; less than 1 where stage 1 was left out.
    """

    run: Run
    found: Segmentation | None = None
    outcome: Outcome | None = None
    share: float = 1.0

    @property
    def weight(self) -> float:
        """What it counts, 0..1: how sure it is, by its share, less where image tokens show another
        kind, and halved for each thing that was asked for and is missing."""
        like = 1.0 if self.found is None else _likeness(self.found) ** _DISTRUST_EXPONENT
        return self.share * self.certainty * like * 0.5**self.run.missing

    @property
    def is_whole(self) -> bool:
        """Whether it has gone through all stages that are wanted."""
        return self.share == 1.0

    @property
    def certainty(self) -> float:
        """How sure it is of what it says, 0..1."""
        if self.found is not None:
            return self.found.score
        if isinstance(self.outcome, TargetNotFound):
            chance = self.run.result.not_found_probability
            return _UNKNOWN if chance is None else chance
        return _UNKNOWN if isinstance(self.outcome, TargetAmbiguous) else 0.0

    def agrees_with(self, other: Look) -> bool:
        """Whether both say the same: the same objects, that nothing fits, or that several do."""
        if self.found is None or other.found is None:
            return self.found is other.found and type(self.outcome) is type(other.outcome)
        return _same_objects(self.found, other.found)


def is_doubtful(look: Look, sure_from: float) -> bool:
    """Whether ``look`` alone is not enough; with a ``sure_from`` of 0 any is enough."""
    if isinstance(look.outcome, TargetForbidden):
        return False
    if isinstance(look.outcome, TargetAmbiguous) or look.run.asks_for_all:
        return sure_from > 0.0
    place = None if look.found is None else look.found.destination
    return look.weight < sure_from or (place is not None and place.score < sure_from)


def closer_window(things: Window) -> Window | None:
    """The part of a frame to look at; None where it would be no closer look.

    Args:
        things: what all the things lie in.
    """
    window = things.with_margin(MARGIN_SHARE)
    return window if window.area < _MOST_OF_IT else None


def agreed(looks: Sequence[Look]) -> Look:
    """Of the looks that agree and outweigh the others the surest that goes through all stages.

    One without stage 1 seconds another; what it alone says has no reasons behind it.
    """
    whole = [look for look in looks if look.is_whole]
    return max(whole, key=lambda look: (_weight_of(_same(look, looks)), look.weight))


def support_of(look: Look, looks: Sequence[Look]) -> float:
    """The support 0..1 for what ``look`` says: the certainty of all that agree, as a mean over all
    by their shares.

    That something else is missing makes what was found no less certain.
    """
    agreeing = sum(other.share * other.certainty for other in _same(look, looks))
    return agreeing / sum(other.share for other in looks)


def forbidding(looks: Sequence[Look]) -> Look | None:
    """The look that has taken what must be left alone, if any: no other may overrule it."""
    return next((look for look in looks if isinstance(look.outcome, TargetForbidden)), None)


def two_agree(looks: Sequence[Look]) -> bool:
    """Whether the last of ``looks`` says what an earlier one has said."""
    return any(looks[-1].agrees_with(other) for other in looks[:-1])


def enough_agree(looks: Sequence[Look]) -> bool:
    """Whether the last of ``looks`` and those that say the same weigh enough together."""
    same = _same(looks[-1], looks)
    return any(look.is_whole for look in same) and _weight_of(same) >= ENOUGH


def gathered(best: Look, looks: Sequence[Look]) -> tuple[Instance, ...]:
    """Each object that enough of ``looks`` have found, for where all that fit are asked for; as
    ``best`` has it, where it does."""
    seen: list[Instance] = []
    weights: list[float] = []
    for look in sorted(looks, key=lambda look: (look is best, look.share), reverse=True):
        for item in () if look.found is None else look.found.instances:
            weight = look.weight * _likeness(item) ** _KIND_EXPONENT
            for place, other in enumerate(seen):
                if iou_of_masks(item.mask, other.mask) > _SAME:
                    weights[place] += weight
                    break
            else:
                seen.append(item)
                weights.append(weight)
    enough = _SECONDED * _weight_of(looks)
    return tuple(item for item, weight in zip(seen, weights, strict=True) if weight > enough)


def _likeness(found: Instance | Segmentation) -> float:
    """The chance that it is of its kind, as image tokens have it; 1 where nobody tells."""
    kind = None if found.evidence is None else found.evidence.kind
    return 1.0 if kind is None else kind


def _same(look: Look, looks: Sequence[Look]) -> list[Look]:
    """Those of ``looks`` that say what ``look`` says."""
    return [other for other in looks if look.agrees_with(other)]


def _weight_of(looks: Sequence[Look]) -> float:
    return sum(look.weight for look in looks)


def _same_objects(one: Segmentation, other: Segmentation) -> bool:
    there, here = one.destination, other.destination
    if there is None or here is None:
        return there is here and iou_of_masks(one.mask, other.mask) > _SAME
    return min(iou_of_masks(one.mask, other.mask), iou_of_masks(there.mask, here.mask)) > _SAME
