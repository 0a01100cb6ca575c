"""Replaying on scripted models: equal, different for a named reason, or not to be compared."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ppcr_ros.core.config import Config, PipelineConfig
from ppcr_ros.core.types import Frame, Result, Status
from ppcr_ros.replay.offline_recording import record_run
from ppcr_ros.replay.player import Player, Replay, ReplayOptions, ReplayTally, Verdict

Record = Callable[..., Path]


pytestmark = pytest.mark.usefixtures("threads")


def replayed(*bags: Path, **options: object) -> list[Replay]:
    with Player(ReplayOptions(**options)) as player:  # type: ignore[arg-type]
        return list(player.replay(bags))


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("the green ball", Status.OK),
        ("the unicorn", Status.NOT_FOUND),
        ("the twins", Status.AMBIGUOUS),
        ("nonsense", Status.PARSE_FAILED),
        ("?!", Status.ERROR),
    ],
)
def test_every_ending_is_made_again(record: Record, command: str, status: Status) -> None:
    (item,) = replayed(record(command))
    assert item.recording is not None
    assert item.recording.result.status is status
    assert (item.verdict, item.differences, item.setup) == (Verdict.SAME, (), ())


def test_a_changed_option_differs_and_is_named(record: Record) -> None:
    config = Config(pipeline=PipelineConfig(min_confidence=0.95))
    (item,) = replayed(record("the green ball"), config=config)
    assert item.verdict is Verdict.DIFFERS
    assert item.differences[0].what == "status"
    assert item.setup == ("option pipeline.min_confidence: recorded 0.2, here 0.95",)


def test_the_recorded_options_are_used_by_default(record: Record) -> None:
    config = Config(pipeline=PipelineConfig(min_confidence=0.95))
    (item,) = replayed(record("the green ball", config))
    assert item.recording is not None
    assert item.recording.result.status is Status.LOW_CONFIDENCE
    assert item.verdict is Verdict.SAME


def test_other_weights_are_named(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    bag = record("the green ball")
    present = {"mllm/model.safetensors": "c" * 64, "segmenter/model.safetensors": "b" * 64}
    monkeypatch.setattr("ppcr_ros.replay.player.weights_checksums", lambda config: present)
    (item,) = replayed(bag)
    assert item.verdict is Verdict.SAME  # these models have no weights
    assert item.setup == (f"weights mllm/model.safetensors: recorded {'a' * 16}, here {'c' * 16}",)


def test_models_are_loaded_once_for_bags_of_one_configuration(
    record: Record, loaded: list[Config], threads: list[int]
) -> None:
    other = Config(pipeline=PipelineConfig(repair_tries=0))
    changed = Config(pipeline=PipelineConfig(score_calibration="none"))
    bags = [
        record("the green ball"),
        record("the green box", other),
        record("the green cup", changed),
    ]
    loaded.clear()
    assert [item.verdict for item in replayed(*bags)] == [Verdict.SAME] * 3
    assert len(loaded) == 2


def test_a_device_replaces_the_recorded_one(
    record: Record, loaded: list[Config], threads: list[int]
) -> None:
    bag = record("the green ball")
    loaded.clear()
    (item,) = replayed(bag, device="cpu")
    assert (loaded[0].mllm.device, loaded[0].segmenter.device) == ("cpu", "cpu")
    assert item.setup[0] == "option mllm.device: recorded auto, here cpu"


def test_torch_gets_as_many_threads_as_were_recorded(
    record: Record, threads: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ppcr_ros.replay.info.machine", lambda: {"torch_threads": "3"})
    bag = record("the green ball")
    replayed(bag)
    replayed(bag, threads=5)
    assert threads == [3, 5]


def test_a_cancelled_command_is_not_compared(frame: Frame, tmp_path: Path) -> None:
    result = Result(Status.CANCELLED, "x", message="a newer command came", command_id="ab" * 16)
    (item,) = replayed(record_run(tmp_path, frame, "x", result, Config(), {}))
    assert item.verdict is Verdict.NOT_COMPARED
    assert item.reason == "it was cancelled: a newer command came"


def test_a_torn_bag_is_told_and_the_others_are_replayed(record: Record) -> None:
    torn, whole = record("the green ball"), record("the green box")
    file = torn / f"{torn.name}.mcap"
    file.write_bytes(file.read_bytes()[:500])
    first, second = replayed(torn, whole)
    assert (first.verdict, second.verdict) == (Verdict.UNREADABLE, Verdict.SAME)
    assert torn.name in first.reason


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        ([Verdict.SAME], 0),
        ([Verdict.SAME, Verdict.NOT_COMPARED], 0),
        ([Verdict.SAME, Verdict.UNREADABLE], 2),
        ([Verdict.DIFFERS, Verdict.UNREADABLE], 1),
        ([Verdict.NOT_COMPARED], 2),
        ([], 2),
    ],
)
def test_the_exit_code_is_never_0_where_nothing_was_compared(
    verdicts: list[Verdict], code: int
) -> None:
    tally = ReplayTally()
    for verdict in verdicts:
        tally.add(Replay(Path("bag"), verdict))
    assert tally.exit_code == code
