"""Messages of camera drivers: depth is believed where it may be, else the advice cures it."""

from __future__ import annotations

import pytest

from ppcr_lab.evaluation.camera_faults import lens_errors, lenses_to_markdown, measure, to_markdown
from ppcr_lab.evaluation.camera_oddities import ODDITIES
from ppcr_lab.evaluation.camera_scenes import LENSES, View, views
from ppcr_lab.evaluation.camera_situations import SITUATIONS, Situation

ALL = (*SITUATIONS, *ODDITIES)


@pytest.fixture(scope="module")
def view() -> View:
    """The first whole object of the simulated tabletop's test split."""
    try:
        return next(views(1))
    except RuntimeError as error:
        pytest.skip(f"no renderer on this machine: {error}")


@pytest.mark.parametrize("situation", ALL, ids=lambda item: f"{item.driver}: {item.fault}")
def test_a_fault_costs_no_mask_and_what_is_said_of_it_cures_it(
    view: View, situation: Situation
) -> None:
    (row,) = measure([view], [situation])
    assert (row.lost, row.wrong, row.bad_advice) == (0, 0, 0), [*row.answers, *row.after]
    assert situation.driver in to_markdown([row])


def test_through_every_lens_the_object_is_found_where_it_is(view: View) -> None:
    rectified, raw = (lens_errors([view], raw=raw) for raw in (False, True))
    found = [error for errors in (rectified, raw) for each in errors.values() for error in each]
    assert len(found) == 2 * len(LENSES)
    assert max(found) < 0.01
    assert all(name in lenses_to_markdown(rectified, raw) for name in LENSES)
