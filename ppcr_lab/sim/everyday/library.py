"""A library of forms: the same for a whole block of scenes, so that it is compiled once."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ppcr_lab.sim.everyday.form_families import draw_form
from ppcr_lab.sim.everyday.shapes import FittedForm
from ppcr_lab.sim.objects import CATEGORIES

FORMS_PER_CATEGORY = 16
BLOCK_SCENES = 500
"""How many scenes of a split share a library."""

Library = dict[str, tuple[FittedForm, ...]]


@lru_cache(maxsize=2)
def library_of(split_number: int, block: int) -> Library:
    """Return the forms of each category for one block of a split's scenes."""
    rng = np.random.default_rng([77, split_number, block])
    return {
        category: tuple(draw_form(category, rng) for _ in range(FORMS_PER_CATEGORY))
        for category in CATEGORIES
    }
