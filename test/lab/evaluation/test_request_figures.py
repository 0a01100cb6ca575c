"""Judgements of answers to requests: right, harmful, another object."""

from __future__ import annotations

import json

import numpy as np
import pytest

from ppcr_lab.evaluation.journal import Entry
from ppcr_lab.evaluation.metrics import outcome_of
from ppcr_lab.evaluation.request_figures import (
    RequestOutcome,
    RequestTruth,
    judge,
    request_figures,
    request_rows,
)
from ppcr_lab.evaluation.samples import open_data_set
from ppcr_lab.sim.request_dataset import iter_requests
from ppcr_lab.sim.requests import REQUEST_KINDS
from ppcr_ros.core.types import Array, Instance, Result, Segmentation, Status


def square(x: int) -> Array:
    mask = np.zeros((20, 60), bool)
    mask[5:15, x : x + 10] = True
    return mask


def answered(*masks: Array, place: Array | None = None, status: Status = Status.OK) -> Result:
    instances = tuple(Instance(mask, np.zeros(4, np.float32), 0.9) for mask in masks)
    found = Segmentation.union(instances)
    if place is not None:
        there = Instance(place, np.zeros(4, np.float32), 0.9)
        found = Segmentation(
            found.mask, found.score, found.box_xyxy_px, instances=instances, destination=there
        )
    return Result(status, "command", segmentation=found)


NOT_FOUND = Result(Status.NOT_FOUND, "command", message="nothing is asked for.")


def test_a_destination_is_counted_beside_its_target() -> None:
    truth = RequestTruth("destination", (square(0),), square(40))
    both = judge(answered(square(0), place=square(40)), truth)
    assert (both.right, both.place_right, both.other) == (True, True, False)
    without = judge(answered(square(0)), truth)
    assert (without.right, without.place_right) == (True, False)
    swapped = judge(answered(square(40), place=square(0)), truth)
    assert (swapped.right, swapped.place_right, swapped.other) == (False, False, True)


def test_what_is_forbidden_is_harmful_with_ok_alone() -> None:
    truth = RequestTruth("prohibition", (), forbidden=(square(0),))
    assert judge(NOT_FOUND, truth).right
    taken = judge(answered(square(0)), truth)
    assert (taken.right, taken.harmful, taken.other) == (False, True, True)
    unsure = judge(answered(square(0), status=Status.LOW_CONFIDENCE), truth)
    assert (unsure.right, unsure.harmful, unsure.other) == (False, False, False)


def test_a_mask_that_holds_what_is_forbidden_beside_other_things_is_harmful() -> None:
    truth = RequestTruth("correction", (square(0),), forbidden=(square(20),))
    assert judge(answered(square(0) | square(20)), truth).harmful


@pytest.mark.parametrize(
    ("found", "right", "other"),
    [
        ((0, 20), True, False),
        ((20, 0), True, False),
        ((0,), False, False),
        ((0, 20, 40), False, True),
    ],
)
def test_several_are_right_where_the_set_is(
    found: tuple[int, ...], right: bool, other: bool
) -> None:
    truth = RequestTruth("several", (square(0), square(20)))
    outcome = judge(answered(*map(square, found)), truth)
    assert (outcome.right, outcome.other) == (right, other)


def test_two_masks_of_one_object_are_no_set() -> None:
    truth = RequestTruth("several", (square(0), square(20)))
    assert not judge(answered(square(0), square(0)), truth).right


def test_figures_are_counted_by_kind_and_together() -> None:
    right = RequestOutcome("destination", "OK", True, False, False, False)
    wrong = RequestOutcome("correction", "OK", False, None, True, True)
    figures = request_figures([right, right, wrong])
    assert (figures["all"].n, figures["all"].right, figures["all"].harmful) == (3, 2, 1)
    assert (figures["destination"].n_places, figures["destination"].places_right) == (2, 0)
    header, rows = request_rows(figures)
    assert len(rows) == 3
    assert {len(row) for row in rows} == {len(header)}


def test_the_recorded_frames_give_requests_of_every_kind_without_a_renderer() -> None:
    samples = list(iter_requests("recorded", 12 * len(REQUEST_KINDS)))
    assert {sample.kind for sample in samples} == set(REQUEST_KINDS)
    for sample in samples:
        assert (sample.expected_status is Status.OK) == bool(sample.truth.targets)
        assert (sample.mask is None) == (not sample.truth.targets)
    again, count = open_data_set("requests:recorded", limit=20)
    assert count == 20
    assert [sample.command for sample in again] == [sample.command for sample in samples[:20]]


def test_what_a_request_was_worth_is_kept_in_the_journal() -> None:
    truth = RequestTruth("several", (square(0), square(20)))
    result = answered(square(0))
    outcome = outcome_of(result, square(0) | square(20), np.array([0, 5, 30, 15], np.float32))
    entry = Entry.of("several", result, outcome, judge(result, truth))
    assert Entry.from_dict(json.loads(json.dumps(entry.to_dict()))) == entry
