"""Conversations with the real model classes: against ``generate``, across turns, interrupted."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.core.config import MllmConfig
from ppcr_ros.core.errors import Cancelled, InvalidFrameError
from ppcr_ros.core.interfaces import Turn
from ppcr_ros.core.types import Frame
from ppcr_ros.models.factory import load_mllm
from ppcr_ros.models.mllm.token_engine import NextToken, SequenceState
from ppcr_ros.models.mllm.tokens import decode_pieces

LoadTiny = Callable[[str], Any]
KINDS = ["qwen2_5_vl", "qwen3_vl", "qwen3_5", "idefics3", "smolvlm", "paligemma", "llava"]
KINDS += ["gemma3", "gemma4"]
CONTINUING = [kind for kind in KINDS if kind != "paligemma"]
FIRST, SECOND, THIRD = (
    Turn("find the small green ball"),
    Turn("where is it in the image"),
    Turn("say it again"),
)
IS_IT = Turn("Is it? yes or no")
TOKENS = 10


class Reference:
    """The same conversation by ``generate``, from scratch at every turn."""

    def __init__(self, mllm: Any, frame: Frame) -> None:
        self.mllm, self.image = mllm, Image.fromarray(frame.rgb)
        self.model = mllm.engine.model
        self.ids: list[int] = []
        self.inputs: dict[str, Any] = {}

    def begin(self, turn: Turn) -> None:
        prompt = self.mllm.family.first_prompt(self.mllm.processor, turn.text)
        self.inputs = dict(
            self.mllm.processor(text=[prompt], images=[self.image], return_tensors="pt")
        )
        self.inputs.pop("labels", None)
        self.ids = self.inputs.pop("input_ids")[0].tolist()

    def generate(self) -> tuple[list[int], list[float]]:
        """The greedy answer and its tokens' probabilities; what was generated is kept."""
        length = len(self.ids)
        inputs = {"input_ids": torch.tensor([self.ids]), "attention_mask": torch.ones(1, length)}
        for name, value in self.inputs.items():
            if name in ("mm_token_type_ids", "token_type_ids"):
                extra = torch.zeros(1, length - value.shape[1], dtype=value.dtype)
                value = torch.cat([value, extra], dim=1)
            if name != "attention_mask":
                inputs[name] = value
        if hasattr(self.model.model, "rope_deltas"):
            self.model.model.rope_deltas = None
        output = self.model.generate(
            **inputs,
            do_sample=False,
            repetition_penalty=1.0,
            max_new_tokens=TOKENS,
            eos_token_id=sorted(self.mllm.stop_ids),
            pad_token_id=0,
            return_dict_in_generate=True,
            output_logits=True,
        )
        answer = output.sequences[0, length:].tolist()
        shares = [torch.softmax(step[0].float(), -1) for step in output.logits]
        probabilities = [
            float(share[self.mllm.counted_ids(id_)].sum())
            for share, id_ in zip(shares, answer, strict=True)
        ]
        if answer[-1] in self.mllm.stop_ids:
            answer, probabilities = answer[:-1], probabilities[:-1]
        self.ids += answer
        return answer, probabilities

    def pieces(self, ids: Sequence[int]) -> tuple[str, ...]:
        unspoken = self.mllm.unspoken_ids.__contains__
        return tuple(decode_pieces(self.mllm.processor.tokenizer, ids, unspoken))


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_answer_is_that_of_generate(kind: str, load_tiny: LoadTiny, frame: Frame) -> None:
    mllm = load_tiny(kind)
    reference = Reference(mllm, frame)
    reference.begin(FIRST)
    ids, probabilities = reference.generate()
    answer = mllm.open(frame).ask(FIRST, max_new_tokens=TOKENS, cancel=CancelToken())
    assert len(set(ids)) > 2  # a model that says one thing only would prove nothing
    assert answer.tokens == reference.pieces(ids)
    assert answer.text == "".join(answer.tokens)
    np.testing.assert_allclose(answer.probabilities, probabilities, atol=1e-4)


@pytest.mark.parametrize("kind", CONTINUING)
def test_later_answers_are_those_of_the_whole_conversation(
    kind: str, load_tiny: LoadTiny, frame: Frame
) -> None:
    mllm = load_tiny(kind)
    reference = Reference(mllm, frame)
    conversation = mllm.open(frame)
    reference.begin(FIRST)
    reference.generate()
    conversation.ask(FIRST, max_new_tokens=TOKENS, cancel=CancelToken())
    for turn in (SECOND, THIRD):
        reference.ids += mllm.turn_ids(turn.text)
        ids, probabilities = reference.generate()
        answer = conversation.ask(turn, max_new_tokens=TOKENS, cancel=CancelToken())
        assert answer.tokens == reference.pieces(ids)
        np.testing.assert_allclose(answer.probabilities, probabilities, atol=1e-4)


def test_a_standalone_turn_is_asked_from_scratch(load_tiny: LoadTiny, frame: Frame) -> None:
    mllm = load_tiny("paligemma")
    conversation = mllm.open(frame)
    conversation.ask(FIRST, max_new_tokens=TOKENS, cancel=CancelToken())
    answer = conversation.ask(Turn("detect ball"), max_new_tokens=TOKENS, cancel=CancelToken())
    reference = Reference(mllm, frame)
    reference.begin(Turn("detect ball"))
    assert answer.tokens == reference.pieces(reference.generate()[0])


@pytest.mark.parametrize("kind", KINDS)
def test_the_image_is_encoded_once(kind: str, load_tiny: LoadTiny, frame: Frame) -> None:
    mllm = load_tiny(kind)
    base = mllm.engine.model.model
    tower = next(
        getattr(base, name)
        for name in ("visual", "vision_model", "vision_tower")
        if hasattr(base, name)
    )
    # The patches are what every way through a tower begins with.
    first = (torch.nn.Conv2d, torch.nn.Conv3d, torch.nn.Linear)
    patches = next(m for m in tower.modules() if isinstance(m, first))
    runs: list[int] = []
    hook = patches.register_forward_hook(lambda *_: runs.append(1))
    conversation = mllm.open(frame)
    for turn in (FIRST, SECOND, THIRD):
        conversation.ask(turn, max_new_tokens=3, cancel=CancelToken())
    hook.remove()
    assert len(runs) == 1


@pytest.mark.parametrize("kind", CONTINUING)
def test_a_later_turn_reads_only_its_own_tokens(
    kind: str, load_tiny: LoadTiny, frame: Frame, monkeypatch: pytest.MonkeyPatch
) -> None:
    mllm = load_tiny(kind)
    conversation = mllm.open(frame)
    conversation.ask(FIRST, max_new_tokens=3, cancel=CancelToken())
    lengths: list[int] = []
    read = mllm.engine.read_all

    def counted(state: SequenceState, ids: Sequence[int], *, last: int) -> list[NextToken]:
        lengths.append(len(ids))
        steps: list[NextToken] = read(state, ids, last=last)
        return steps

    monkeypatch.setattr(mllm.engine, "read_all", counted)
    conversation.ask(SECOND, max_new_tokens=1, cancel=CancelToken())
    # The last token of a cut answer had not been read yet.
    assert lengths[0] in (len(mllm.turn_ids(SECOND.text)), len(mllm.turn_ids(SECOND.text)) + 1)


@pytest.mark.parametrize("kind", KINDS)
def test_conversations_do_not_disturb_each_other(
    kind: str, load_tiny: LoadTiny, frame: Frame
) -> None:
    mllm = load_tiny(kind)
    tall = Frame(rgb=np.full((140, 40, 3), 90, np.uint8))

    def talk(between: Callable[[], object]) -> list[str]:
        conversation = mllm.open(frame)
        said = []
        for turn in (FIRST, SECOND):
            said.append(conversation.ask(turn, max_new_tokens=6, cancel=CancelToken()).text)
            between()
        return said

    alone = talk(lambda: None)
    other = mllm.open(tall)
    assert alone == talk(lambda: other.ask(THIRD, max_new_tokens=2, cancel=CancelToken()))


@pytest.mark.parametrize("kind", KINDS)
def test_asking_yes_or_no_leaves_no_trace(kind: str, load_tiny: LoadTiny, frame: Frame) -> None:
    mllm = load_tiny(kind)

    def talk(check: bool) -> tuple[list[str], list[float]]:
        conversation = mllm.open(frame)
        said, sure = [], []
        for turn in (FIRST, SECOND, THIRD):
            if check:
                sure.append(conversation.yes_probability(IS_IT, cancel=CancelToken()))
            said.append(conversation.ask(turn, max_new_tokens=5, cancel=CancelToken()).text)
        return said, sure

    plain, _ = talk(check=False)
    checked, sure = talk(check=True)
    assert checked == plain
    assert all(0.0 <= probability <= 1.0 for probability in sure)


def test_asking_yes_or_no_past_a_sliding_window(
    checkpoint: Callable[[str], Path], tmp_path: Path, frame: Frame
) -> None:
    folder = Path(shutil.copytree(checkpoint("llava"), tmp_path / "sliding"))
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config["text_config"] |= {"model_type": "mistral", "sliding_window": 12}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    options = MllmConfig(family="ppcr_tiny", model=str(folder), device="cpu")
    mllm = load_mllm(options, offline=True)
    said = []
    for check in (False, True):
        conversation = mllm.open(frame)
        conversation.ask(FIRST, max_new_tokens=5, cancel=CancelToken())
        if check:
            conversation.yes_probability(IS_IT, cancel=CancelToken())
        said.append(conversation.ask(SECOND, max_new_tokens=5, cancel=CancelToken()).text)
    assert said[0] == said[1]


@pytest.mark.parametrize("kind", CONTINUING)
def test_yes_or_no_depends_on_the_conversation(
    kind: str, load_tiny: LoadTiny, frame: Frame
) -> None:
    mllm = load_tiny(kind)
    conversation = mllm.open(frame)
    before = conversation.yes_probability(IS_IT, cancel=CancelToken())
    conversation.ask(FIRST, max_new_tokens=5, cancel=CancelToken())
    assert conversation.yes_probability(IS_IT, cancel=CancelToken()) != pytest.approx(before)


def test_hidden_states_are_what_the_tokens_were_predicted_from(
    load_tiny: LoadTiny, frame: Frame
) -> None:
    mllm = load_tiny("llava")
    answer = mllm.open(frame).ask(FIRST, max_new_tokens=TOKENS, cancel=CancelToken())
    assert answer.hidden_states.shape == (len(answer.tokens), 64)
    assert answer.hidden_states.dtype == np.float32
    head = mllm.engine.model.lm_head
    with torch.inference_mode():
        ids = head(torch.from_numpy(answer.hidden_states)).argmax(-1).tolist()
    pieces = decode_pieces(mllm.processor.tokenizer, ids, mllm.unspoken_ids.__contains__)
    assert tuple(pieces) == answer.tokens


def test_a_limit_truncates(load_tiny: LoadTiny, frame: Frame) -> None:
    answer = load_tiny("qwen3_vl").open(frame).ask(FIRST, max_new_tokens=2, cancel=CancelToken())
    assert answer.truncated
    assert len(answer.tokens) == 2


def test_an_end_token_ends_the_answer(
    load_tiny: LoadTiny, frame: Frame, monkeypatch: pytest.MonkeyPatch
) -> None:
    mllm = load_tiny("qwen3_vl")
    whole = mllm.open(frame).ask(FIRST, max_new_tokens=TOKENS, cancel=CancelToken())
    reference = Reference(mllm, frame)
    reference.begin(FIRST)
    ids, _ = reference.generate()
    monkeypatch.setattr(mllm, "stop_ids", mllm.stop_ids | {ids[3]})
    answer = mllm.open(frame).ask(FIRST, max_new_tokens=TOKENS, cancel=CancelToken())
    end = ids.index(ids[3])
    assert len(answer.tokens) == len(answer.probabilities) == end
    assert not answer.truncated
    assert whole.truncated


def test_the_template_says_what_ends_an_answer(load_tiny: LoadTiny) -> None:
    ends = {"qwen2_5_vl": "<|im_end|>", "idefics3": "<end_of_utterance>", "llava": "<|end|>"}
    for kind, token in ends.items():
        mllm = load_tiny(kind)
        assert mllm.processor.tokenizer.convert_tokens_to_ids(token) in mllm.stop_ids


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (
            "qwen3_vl",
            "<|im_end|>\n<|im_start|>user\nwhere?<|im_end|>\n<|im_start|>assistant\n",
        ),
        ("smolvlm", "<end_of_utterance>\nUser: where?<end_of_utterance>\nAssistant:"),
        ("llava", "<|end|><|user|>where?<|end|><|assistant|>"),
    ],
)
def test_a_later_turn_is_what_the_template_writes_after_an_answer(
    kind: str, expected: str, load_tiny: LoadTiny
) -> None:
    mllm = load_tiny(kind)
    assert mllm.family.next_prompt(mllm.processor, "where?") == expected


def test_cancelled_between_two_tokens(load_tiny: LoadTiny, frame: Frame) -> None:
    mllm = load_tiny("qwen3_vl")
    cancel = CancelToken()
    steps: list[int] = []

    def stop_at_the_third(*_: object) -> None:
        steps.append(1)
        if len(steps) == 3:
            cancel.cancel("a newer command came")

    hook = mllm.engine.model.lm_head.register_forward_hook(stop_at_the_third)
    conversation = mllm.open(frame)
    with pytest.raises(Cancelled, match="a newer command came"):
        conversation.ask(FIRST, max_new_tokens=50, cancel=cancel)
    hook.remove()
    assert len(steps) == 3
    # The model is free for the next conversation, and even this one can go on.
    assert mllm.open(frame).ask(FIRST, max_new_tokens=2, cancel=CancelToken()).tokens
    assert conversation.ask(SECOND, max_new_tokens=2, cancel=CancelToken()).tokens


def test_cancelled_before_it_began(load_tiny: LoadTiny, frame: Frame) -> None:
    cancel = CancelToken()
    cancel.cancel()
    conversation = load_tiny("qwen3_vl").open(frame)
    with pytest.raises(Cancelled):
        conversation.ask(FIRST, max_new_tokens=5, cancel=cancel)
    with pytest.raises(Cancelled):
        conversation.yes_probability(FIRST, cancel=cancel)


@pytest.mark.parametrize("size", [(90, 60), (40, 160), (300, 100), (57, 57)])
def test_qwen2_5_is_told_the_size_that_it_saw(size: tuple[int, int], load_tiny: LoadTiny) -> None:
    mllm = load_tiny("qwen2_5_vl")
    frame = Frame(rgb=np.zeros((size[1], size[0], 3), np.uint8))
    answer = mllm.open(frame).ask(FIRST, max_new_tokens=1, cancel=CancelToken())
    width, height = answer.image_size_px
    assert width % 28 == height % 28 == 0
    assert 56 * 56 <= width * height <= 112 * 168
    assert width / height == pytest.approx(size[0] / size[1], rel=0.5)


def test_an_image_that_the_processor_refuses_is_a_bad_frame(load_tiny: LoadTiny) -> None:
    thread = Frame(rgb=np.zeros((2, 900, 3), np.uint8))  # Qwen refuses ratios above 200
    with pytest.raises(InvalidFrameError, match="900x2"):
        load_tiny("qwen2_5_vl").open(thread).ask(FIRST, max_new_tokens=1, cancel=CancelToken())


def test_location_tokens_stay_in_the_answer(load_tiny: LoadTiny, frame: Frame) -> None:
    mllm = load_tiny("llava")
    tokenizer = mllm.processor.tokenizer
    location = tokenizer.convert_tokens_to_ids("<loc012>")
    assert location not in mllm.unspoken_ids
    assert tokenizer.convert_tokens_to_ids("<|user|>") in mllm.unspoken_ids
    names = [tokenizer.convert_ids_to_tokens(id_) for id_ in mllm.counted_ids(location)]
    assert "<loc011>" in names
    assert "<loc013>" in names


IN_A_FRESH_PROCESS = """
import sys
import numpy as np
from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.core.config import MllmConfig
from ppcr_ros.core.interfaces import Turn
from ppcr_ros.core.types import Frame
from ppcr_ros.models.factory import load_mllm
for family, folder in zip(sys.argv[1::2], sys.argv[2::2]):
    mllm = load_mllm(MllmConfig(family=family, model=folder, device="cpu"), offline=True)
    frame = Frame(rgb=np.zeros((60, 90, 3), np.uint8))
    answer = mllm.open(frame).ask(Turn("where"), max_new_tokens=2, cancel=CancelToken())
    print(type(mllm.processor).__name__, len(answer.tokens))
"""


BLOCKED = "import sys; sys.modules['torchvision'] = None"


@pytest.mark.parametrize("block", [BLOCKED, ""], ids=["without", "with"])
def test_works_without_and_with_torchvision(block: str, checkpoint: Callable[[str], Any]) -> None:
    kinds = {kind: kind for kind in ("qwen2_5_vl", "qwen3_vl", "gemma4")} | {"smolvlm": "idefics3"}
    arguments = [part for kind, family in kinds.items() for part in (family, checkpoint(kind))]
    run = subprocess.run(
        [sys.executable, "-c", block + IN_A_FRESH_PROCESS, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    words = run.stdout.split()
    assert words[1::2] == ["2"] * 4, run.stderr
    if block:
        assert words[:4:2] == ["Qwen2_5_VLProcessorImageOnly", "Qwen3VLProcessorImageOnly"]
