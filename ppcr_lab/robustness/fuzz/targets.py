"""Targets of the fuzzer: each takes bytes, and raises only where something is wrong."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import SimpleNamespace

from ppcr_lab.robustness.bad_documents import CHECKPOINT, CONFIG, LOCK
from ppcr_lab.robustness.faults.fuzzed_answers import (
    FAMILIES,
    SEEDS,
    answer_of,
    check_semantic,
    check_spatial,
)
from ppcr_ros.camera.compressed import decode_compressed
from ppcr_ros.camera.encodings import (
    COLOUR_FORMATS,
    DEPTH_ENCODINGS,
    decode_colour,
    decode_depth,
)
from ppcr_ros.core.config import load_config
from ppcr_ros.core.errors import (
    InvalidFrameError,
    PPCRError,
    PromptParseError,
    TargetAmbiguous,
    TargetNotFound,
)
from ppcr_ros.replay.bag import BagError
from ppcr_ros.replay.bag_reader import read_bag
from ppcr_ros.replay.info import InfoError, RecordInfo, recorded_config
from ppcr_ros.weights.lock import read_lock

_ENCODINGS = (*COLOUR_FORMATS, *DEPTH_ENCODINGS, "", "jpeg", "8UC3")
_HEADER_BYTES = 12
_REFUSALS = (PromptParseError, TargetNotFound, TargetAmbiguous)
_FOLDER = Path(tempfile.mkdtemp(prefix="ppcr-fuzz-"))


def fuzz_answer(data: bytes) -> None:
    """The answer of an MLLM, to both parsers of every family."""
    text, rng = data.decode("utf-8", "replace"), random.Random(len(data))
    answer = answer_of(text, rng)
    for family in FAMILIES:
        with suppress(*_REFUSALS):
            check_semantic(family.parse_semantic(answer))
        with suppress(*_REFUSALS):
            check_spatial(family.parse_spatial(answer, width_px=640, height_px=480), 640, 480)


def fuzz_encoding(data: bytes) -> None:
    """A raw image of a camera: the first bytes say its size, its encoding and its order."""
    if len(data) < _HEADER_BYTES:
        return
    head, pixels = data[:_HEADER_BYTES], data[_HEADER_BYTES:]
    message = SimpleNamespace(
        width=int.from_bytes(head[0:2], "little"),
        height=int.from_bytes(head[2:4], "little"),
        step=int.from_bytes(head[4:7], "little"),
        encoding=_ENCODINGS[head[7] % len(_ENCODINGS)],
        is_bigendian=head[8] & 1,
        data=pixels,
    )
    for decode in (partial(decode_colour, max_pixels=1_000_000), decode_depth):
        try:
            found = decode(message)
        except InvalidFrameError:
            continue
        if found.shape[:2] != (message.height, message.width):
            raise ValueError(f"{message.encoding}: {found.shape}")


def fuzz_compressed(data: bytes) -> None:
    """A JPEG or PNG of a camera."""
    try:
        decode_compressed(SimpleNamespace(format="", data=data), max_pixels=1_000_000)
    except InvalidFrameError:
        return


def fuzz_configuration(data: bytes) -> None:
    """A configuration, a lock file and a recorded info of these bytes."""
    path = _FOLDER / "robot.yaml"
    path.write_bytes(data)
    for read in (load_config, read_lock):
        try:
            read(path)
        except PPCRError:
            continue
    try:
        recorded_config(RecordInfo.from_json(data.decode("utf-8", "replace")))
    except (InfoError, PPCRError):
        return


def fuzz_bag(data: bytes) -> None:
    """An MCAP file of these bytes."""
    path = _FOLDER / "bag.mcap"
    path.write_bytes(data)
    try:
        read_bag(path)
    except BagError:
        return


TARGETS: dict[str, Callable[[bytes], None]] = {
    "answers": fuzz_answer,
    "encodings": fuzz_encoding,
    "compressed": fuzz_compressed,
    "configuration": fuzz_configuration,
    "bags": fuzz_bag,
}


def seeds_of(target: str) -> list[bytes]:
    """What the fuzzer begins with."""
    if target == "answers":
        return [text.encode() for text in SEEDS]
    if target == "configuration":
        return [text.encode() for text in (CONFIG, LOCK, CHECKPOINT)]
    if target == "encodings":
        sizes = (4).to_bytes(2, "little") * 2 + (12).to_bytes(3, "little")
        return [sizes + bytes([number, 0, 0, 0, 0]) + bytes(48) for number in range(8)]
    return _images() if target == "compressed" else _bags()


def _images() -> list[bytes]:
    import io

    from PIL import Image

    images = []
    for mode, kind in (
        ("RGB", "JPEG"),
        ("RGB", "PNG"),
        ("L", "PNG"),
        ("I;16", "PNG"),
        ("P", "PNG"),
    ):
        buffer = io.BytesIO()
        Image.new(mode, (8, 8)).save(buffer, kind)
        images.append(buffer.getvalue())
    return images


def _bags() -> list[bytes]:
    import numpy as np

    from ppcr_lab.robustness.scripted import scripted_pipeline
    from ppcr_ros.core.config import Config
    from ppcr_ros.core.types import Frame
    from ppcr_ros.replay.offline_recording import record_run

    frame = Frame(rgb=np.zeros((8, 8, 3), np.uint8), stamp_ns=1, frame_id="camera")
    with scripted_pipeline(Config()) as pipeline:
        result = pipeline.run(frame, "the mug", command_id="0" * 32)
    bag = record_run(_FOLDER, frame, "the mug", result, Config(), {})
    return [next(bag.glob("*.mcap")).read_bytes()]
