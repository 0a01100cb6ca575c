"""A candidate that a person has chosen."""

from __future__ import annotations

import numpy as np
import pytest

from ppcr_ros.core.errors import SegmentationError
from ppcr_ros.core.evidence import Evidence
from ppcr_ros.core.masks import Candidate

MASK = np.zeros((8, 10), np.bool_)
MASK[2:5, 3:7] = True
BOX = np.array([3, 2, 7, 5], np.float32)


@pytest.mark.parametrize(
    ("listed", "evidence", "chosen"),
    [
        (0.47, Evidence(0.9, agreement=0.9, spatial=0.9, semantic=0.2), 0.9),
        (0.47, Evidence(0.3, agreement=0.3, spatial=0.3, semantic=0.9), 0.47),
        (0.95, Evidence(0.9, agreement=0.9, spatial=0.9, semantic=0.99), 0.95),
        (0.2, Evidence(0.2, agreement=0.2), 0.2),
        (0.7, None, 0.7),
    ],
    ids=["doubt between them", "doubt of the mask", "no doubt", "nothing told", "at a point"],
)
def test_a_choice_takes_the_doubt_of_what_is_meant_out_of_the_score(
    listed: float, evidence: Evidence | None, chosen: float
) -> None:
    found = Candidate(1, BOX, MASK, "pink mug", listed, evidence).as_chosen()
    assert found.score == pytest.approx(chosen)
    assert found.words == "pink mug"
    np.testing.assert_array_equal(found.mask, MASK)
    assert found.evidence is None or found.evidence.semantic is None


def test_what_has_no_mask_cannot_be_chosen() -> None:
    with pytest.raises(SegmentationError, match="candidate 3 has no mask"):
        Candidate(3, BOX, None, "mug").as_chosen()
