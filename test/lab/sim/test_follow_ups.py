"""What a person replies when it is asked back is understood as it was meant."""

from __future__ import annotations

from collections import Counter

from ppcr_lab.sim.follow_ups import FOLLOW_UP_KINDS, FollowUp, iter_follow_ups
from ppcr_lab.sim.recording import load_recording
from ppcr_lab.sim.scene import sample_scene, scene_rng
from ppcr_ros.core.reading.replies import Chosen, Reply, read_reply


def dialogs(rounds: int) -> list[FollowUp]:
    """About the objects of the recorded frames, ``rounds`` times with other words."""
    found: list[FollowUp] = []
    for recorded in load_recording().scenes:
        scene = sample_scene(scene_rng("demo", recorded.index))
        for number in range(rounds):
            rng = scene_rng("test", 100 * recorded.index + number)
            found += iter_follow_ups(scene, recorded.view.instance, rng)
    return found


DIALOGS = dialogs(8)


def chosen(dialog: FollowUp) -> tuple[int, ...] | None:
    """The numbers that the last reply chooses; None where it chooses none."""
    before: tuple[int, ...] = ()
    reply: Reply | None = None
    for words in dialog.replies:
        reply = read_reply(words, dialog.candidates, dialog.category, chosen_before=before)
        if isinstance(reply, Chosen):
            before = tuple(candidate.number for candidate in reply.candidates)
    return before if isinstance(reply, Chosen) else None


def test_there_are_dialogs_of_every_kind() -> None:
    counts = Counter(dialog.kind for dialog in DIALOGS)
    assert set(counts) == set(FOLLOW_UP_KINDS)
    assert len(DIALOGS) >= 300


def test_what_is_meant_is_one_of_the_candidates_and_numbers_go_from_left_to_right() -> None:
    for dialog in DIALOGS:
        assert [c.number for c in dialog.candidates] == list(range(1, len(dialog.candidates) + 1))
        middles = [float(c.box_xyxy_px[[0, 2]].sum()) for c in dialog.candidates]
        assert middles == sorted(middles)
        assert 1 <= dialog.meant <= len(dialog.candidates)


def test_replies_choose_what_is_meant_and_hardly_ever_another() -> None:
    choices = [(dialog, chosen(dialog)) for dialog in DIALOGS]
    right = sum(numbers == (dialog.meant,) for dialog, numbers in choices)
    wrong = [
        (dialog.command, dialog.replies, numbers)
        for dialog, numbers in choices
        if numbers is not None and numbers != (dialog.meant,)
    ]
    assert right >= 0.95 * len(choices)
    assert len(wrong) <= 0.01 * len(choices), wrong
