"""Training conversations of ppcr-tiny: commands and their truth as token ids.

Three kinds of conversation share the weights: the two stages one after the other, the two stages
and then the question whether a box fits, and direct grounding without a semantic stage. Where
several objects fit, the second stage and direct grounding tell the box of each.

Commands are heard as they are said, and as what is left of them once they are read by rules
(`ppcr_ros.core.reading`): what the rules miss, the model should know.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ppcr_lab.sim.commands_said import ReferringCommand
from ppcr_lab.training.distractors import with_talk
from ppcr_lab.training.render import HEIGHT_PX, WIDTH_PX, SceneRecord
from ppcr_lab.training.tiny_checkpoint import ASSISTANT, END, IMAGE, USER
from ppcr_ros.core.reading.reader import read_command
from ppcr_ros.core.types import Array
from ppcr_ros.models.mllm.ppcr_tiny import (
    DIRECT_ALL_TURN,
    DIRECT_TURN,
    FAMILY,
    SPATIAL_TURN,
    VERIFICATION_TURN,
    region_of,
)
from ppcr_ros.models.mllm.tiny_understanding import (
    ABSENT,
    LOC_BINS,
    SEVERAL,
    Sighting,
    Understanding,
    loc_token,
    location_tokens,
)

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

ROW_LENGTH = 120
"""Tokens of a row of a batch; a longer conversation is not learnt from."""
_FRAME_SIZE = np.array([WIDTH_PX, HEIGHT_PX, WIDTH_PX, HEIGHT_PX], np.float32)


@dataclass(frozen=True)
class TrainingConversation:
    """One command's turns.

    Attributes:
        ids: (L,) int16 token ids.
        learnt: (L,) bool, what the model itself has to write.
        edges: (L,) float32: for a location token that it has to write, the exact place in bins; -1
            elsewhere.
    """

    ids: Array
    learnt: Array
    edges: Array


@dataclass(frozen=True)
class TrainingTurn:
    """A question and the answer to learn.

    ``places`` are what the answer's location tokens stand for, in shares 0..1 of the image.
    """

    asked: str
    answer: str
    places: tuple[float, ...] = ()


@dataclass(frozen=True)
class ConversationMix:
    """Shares of the kinds of conversations.

    Attributes:
        direct: the share of direct grounding.
        verify: of the others with a target, the share that ends with a verification.
        talk: the share in which the command has something else said around it.
        read: of the commands of which rules read a part, the share that is heard without it.
        every: the share of direct grounding that is asked for all that fits, and of commands that
            several objects fit, those of which the boxes are learnt.
        absent: of the commands that fit nothing, the share of those with a semantic stage that is
            learnt from. Its answer is held against itself afterwards and may become *absent* then,
            so that it should say so by itself only where it is sure.
    """

    direct: float = 0.3
    verify: float = 0.25
    talk: float = 0.35
    read: float = 0.5
    every: float = 0.25
    absent: float = 0.5

    def weight(self, command: ReferringCommand) -> float:
        """How likely ``command`` is learnt from, against others."""
        if command.kind != "absent":
            return 1.0
        return self.direct + (1.0 - self.direct) * self.absent


class ConversationEncoder:
    """Turns commands and their truth into token ids, as the chat template lays them out."""

    def __init__(
        self, tokenizer: PreTrainedTokenizerFast, mix: ConversationMix | None = None
    ) -> None:
        self.tokenizer, self.mix = tokenizer, mix or ConversationMix()
        ids = tokenizer.convert_tokens_to_ids
        self.user, self.assistant, self.end, self.image = map(ids, (USER, ASSISTANT, END, IMAGE))
        self.pad = int(tokenizer.pad_token_id)
        self.first_loc = int(ids(loc_token(0)))

    def encode(
        self, commands: list[ReferringCommand], record: SceneRecord, rng: np.random.Generator
    ) -> list[TrainingConversation]:
        """One conversation about each of ``commands``, of kinds drawn by the mix."""
        talks = [self._turns(command, record, rng) for command in commands]
        texts = [text for turns in talks for turn in turns for text in (turn.asked, turn.answer)]
        pieces = iter(self.tokenizer(texts, add_special_tokens=False)["input_ids"])
        return [
            self._joined(turns, [next(pieces) for _ in range(2 * len(turns))]) for turns in talks
        ]

    def _turns(
        self, command: ReferringCommand, record: SceneRecord, rng: np.random.Generator
    ) -> list[TrainingTurn]:
        asked = self._question_text(command, rng)
        if rng.random() < self.mix.talk:
            asked = FAMILY.spoken(with_talk(asked, rng))
        if rng.random() < self.mix.direct / self.mix.weight(command):
            if rng.random() < self.mix.every:
                return [_spatial(f"{asked} {DIRECT_ALL_TURN}", command, record, every=True)]
            return [_spatial(f"{asked} {DIRECT_TURN}", command, record)]
        understood = understanding_of(command, record)
        turns = [TrainingTurn(asked, understood.text, understood.places)]
        if command.target is not None:
            turns.append(_spatial(SPATIAL_TURN, command, record))
            if rng.random() < self.mix.verify:
                turns.append(_verification(command.target, record, rng))
        elif command.fitting and (command.targets or rng.random() < self.mix.every):
            turns.append(_spatial(SPATIAL_TURN, command, record, every=True))
        return turns

    def _question_text(self, command: ReferringCommand, rng: np.random.Generator) -> str:
        """The command, or what a model is asked of it, where that is another and clear."""
        if rng.random() >= self.mix.read:
            return command.text
        reading = read_command(command.text)
        clear = reading.asked and not reading.also and reading.otherwise is None
        return reading.asked if clear else command.text

    def _joined(self, turns: list[TrainingTurn], pieces: list[list[int]]) -> TrainingConversation:
        ids: list[int] = []
        learnt: list[bool] = []
        edges: list[float] = []
        for number, turn in enumerate(turns):
            asked, answer = pieces[2 * number : 2 * number + 2]
            # The first turn's user token stands before the image, which all conversations share.
            said = [*([self.user] if number else []), *asked, self.end, self.assistant]
            exact = iter(turn.places)
            places = [next(exact) * LOC_BINS if self._is_loc(piece) else -1.0 for piece in answer]
            ids += [*said, *answer, self.end]
            learnt += [False] * len(said) + [True] * (len(answer) + 1)
            edges += [*[-1.0] * len(said), *places, -1.0]
        return TrainingConversation(
            np.array(ids, np.int16), np.array(learnt, bool), np.array(edges, np.float32)
        )

    def _is_loc(self, token_id: int) -> bool:
        return self.first_loc <= token_id < self.first_loc + LOC_BINS


@dataclass(frozen=True)
class PackedRows:
    """Conversations about one image in K rows of `ROW_LENGTH` tokens; see `Batch`.

    Attributes:
        ids: (K, L) int64.
        learnt: (K, L) bool.
        edges: (K, L) float32.
        segments: (K, L) int64.
        places: (K, L) int64.
    """

    ids: Array
    learnt: Array
    edges: Array
    segments: Array
    places: Array


def pack(conversations: list[TrainingConversation], *, rows: int, pad: int) -> PackedRows:
    """Lay the conversations out, the longest first, each in the first row that has room for it.

    Those that find no room are left out.
    """
    shape = (rows, ROW_LENGTH)
    packed = PackedRows(
        ids=np.full(shape, pad, np.int64),
        learnt=np.zeros(shape, bool),
        edges=np.full(shape, -1.0, np.float32),
        segments=np.full(shape, -1, np.int64),
        places=np.zeros(shape, np.int64),
    )
    used = np.zeros(rows, np.int64)
    for number, talk in enumerate(sorted(conversations, key=lambda talk: -len(talk.ids))):
        length = len(talk.ids)
        roomy = np.flatnonzero(used + length <= ROW_LENGTH)
        if not len(roomy):
            continue
        row, start = roomy[0], used[roomy[0]]
        where = (row, slice(start, start + length))
        packed.ids[where], packed.learnt[where], packed.edges[where] = (
            talk.ids,
            talk.learnt,
            talk.edges,
        )
        packed.segments[where], packed.places[where] = number, np.arange(length)
        used[row] += length
    return packed


def understanding_of(command: ReferringCommand, record: SceneRecord) -> Understanding:
    """What stage 1 should write about ``command``."""
    found = () if command.target is None else (command.target,)
    outcome = "" if found else SEVERAL if command.fitting else ABSENT
    return Understanding(
        phrase=command.phrase,
        relation=command.relation,
        anchors=tuple(_sighting(record, index) for index in command.anchors),
        absent_anchor=command.absent_anchor,
        sighted=tuple(
            _sighting(record, index) for index in (*command.counted, *command.fitting, *found)
        ),
        outcome=outcome,
    )


def _sighting(record: SceneRecord, index: int) -> Sighting:
    return Sighting(record.names[index], *_middle(record, index))


def _spatial(
    asked: str, command: ReferringCommand, record: SceneRecord, *, every: bool = False
) -> TrainingTurn:
    """Where the target is; with ``every`` where each of the several is that fit."""
    found = command.fitting if command.target is None else (command.target,)
    if not found or (len(found) > 1 and not every):
        return TrainingTurn(asked, SEVERAL if found else ABSENT)
    boxes = [_shares(record, index) for index in found]
    answers = [
        f"{region_of(*_middle(record, index))} {location_tokens(box)}"
        for index, box in zip(found, boxes, strict=True)
    ]
    return TrainingTurn(asked, ", ".join(answers), tuple(np.concatenate(boxes).tolist()))


def _verification(target: int, record: SceneRecord, rng: np.random.Generator) -> TrainingTurn:
    """Whether a box fits: one that nearly does, another object's, a part, or one with too much."""
    box = _shares(record, target)
    others = [i for i, seen in enumerate(record.boxes_xyxy_px) if seen is not None and i != target]
    right = rng.random() < 0.5
    if right:
        asked = box + rng.normal(0.0, 0.008, 4)
    elif others and rng.random() < 0.6:
        asked = _shares(record, int(rng.choice(others)))
    else:
        asked = _wrong_extent(box, rng)
    return TrainingTurn(f"{VERIFICATION_TURN} {location_tokens(asked)}", "yes" if right else "no")


def _wrong_extent(box: Array, rng: np.random.Generator) -> Array:
    """``box`` cut to a part of it, or grown beyond it, along one axis."""
    axis = int(rng.integers(2))
    low, high = float(box[axis]), float(box[axis + 2])
    share = rng.uniform(0.35, 0.6)
    wrong = box.astype(np.float64)
    if rng.random() < 0.5:
        wrong[axis + (2 if rng.random() < 0.5 else 0)] = low + share * (high - low)
    elif rng.random() < 0.5:
        wrong[axis + 2] = high + (high - low) * (0.5 + share)
    else:
        wrong[axis] = low - (high - low) * (0.5 + share)
    return wrong


def _shares(record: SceneRecord, index: int) -> Array:
    """The box of an object that is seen, (4,) float32 in shares 0..1 of the frame."""
    shares: Array = np.array(record.boxes_xyxy_px[index], np.float32) / _FRAME_SIZE
    return shares


def _middle(record: SceneRecord, index: int) -> tuple[float, float]:
    """Of an object's visible box, x and y in shares 0..1 of the frame."""
    box = _shares(record, index)
    return float(box[0::2].mean()), float(box[1::2].mean())
