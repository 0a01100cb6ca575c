"""The configuration: one YAML file in ROS 2's parameter format, read with or without ROS.

The same file serves ``ros2 launch`` and ``ppcr segment``::

    /**:
      ros__parameters:
        mllm: {family: ppcr_tiny, model: embedded}
        segmenter: {family: segment_anything, model: embedded}
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from ppcr_ros.core.camera_config import CameraConfig as CameraConfig
from ppcr_ros.core.cameras import camera_names
from ppcr_ros.core.errors import ConfigError
from ppcr_ros.core.grasp_config import GraspConfig as GraspConfig
from ppcr_ros.core.guidance import Guidance
from ppcr_ros.core.misplaced_options import not_options, without_effect
from ppcr_ros.core.model_config import AUTO as AUTO
from ppcr_ros.core.model_config import EMBEDDED as EMBEDDED
from ppcr_ros.core.model_config import MLLM_FAMILIES as MLLM_FAMILIES
from ppcr_ros.core.model_config import NONE as NONE
from ppcr_ros.core.model_config import SEGMENTER_FAMILIES as SEGMENTER_FAMILIES
from ppcr_ros.core.model_config import SERVED as SERVED
from ppcr_ros.core.model_config import MllmConfig as MllmConfig
from ppcr_ros.core.model_config import SegmenterConfig as SegmenterConfig
from ppcr_ros.core.options import Scalar, build, option
from ppcr_ros.core.outside_text import log_text
from ppcr_ros.core.parameter_files import read_parameter_file, values_for
from ppcr_ros.core.shipped_configs import find_config

_LOG = logging.getLogger(__name__)
MODES = ONCE, TRACK = "once", "track"
"""Values of ``node.mode``."""


@dataclass(frozen=True)
class PipelineConfig:
    """Options of a run of the three stages."""

    max_command_chars: int = option(
        400, "longer commands are cut", minimum=16, maximum=4000, read_only=False
    )
    min_confidence: float = option(
        0.2,
        "results whose mask score is lower are LOW_CONFIDENCE",
        minimum=0.0,
        maximum=1.0,
        read_only=False,
    )
    min_probability: float = option(
        0.5,
        "results whose score is lower are LOW_CONFIDENCE, where the score is calibrated to the "
        "probability that the mask is right (that of ppcr-tiny is)",
        minimum=0.0,
        maximum=1.0,
        read_only=False,
    )
    look_again_below: float = option(
        0.8,
        "where the first look at a frame is less sure, further ones are taken, without stage 1 and "
        "closer to the things, until enough agree, of models that can (ppcr-tiny); 0 takes none",
        minimum=0.0,
        maximum=1.0,
        read_only=False,
    )
    repair_tries: int = option(
        1, "how often an unreadable answer is asked again", minimum=0, maximum=3, read_only=False
    )
    overlap_encoding: str = option(
        "auto",
        "encode the image for stage 3 while the MLLM writes: always, never, or auto for not on a "
        "CPU, where the two would only take the cores from each other",
        choices=("auto", "always", "never"),
        read_only=False,
    )
    verify_with_mllm: bool = option(
        False,
        "rank the candidate masks by the MLLM's yes/no on the semantic prompt as well",
        read_only=False,
    )
    guidance: str = option(
        "progressive",
        "which prompts guide the mask: both jointly (progressive), or less, to compare",
        choices=tuple(item.value for item in Guidance),
        read_only=False,
    )
    score_calibration: str = option(
        "auto",
        "makes a probability of a mask's score: a file of ppcr train calibration, none, or auto "
        "for calibration.json in the folder of the prompt adapter in use; it holds for the "
        "guidance and verify_with_mllm that it was fitted with",
    )
    offline: bool = option(True, "never touch the network; hub models must be in the local cache")


@dataclass(frozen=True)
class NodeConfig:
    """Options of the ROS node: topics, rates and ages."""

    autostart: bool = option(
        True,
        "configure and activate at start; false leaves both to a lifecycle manager",
        at_start=True,
    )
    cameras: str = option(
        "",
        "names of several cameras that share the models, with commas between them: front, wrist. "
        "Then each has its topics below its name (front/image, front/depth, front/camera_info) and "
        "commands of its own (~/front/command, ~/front/segment); empty for one camera on image",
        check=camera_names,
        at_start=True,
    )
    use_compressed: bool = option(False, "subscribe to image/compressed instead of image")
    use_depth: bool = option(
        False, "synchronise depth and camera_info with the image, for points and grasp targets"
    )
    sync_slop_sec: float = option(
        0.05,
        "how far the stamps of image, depth and camera_info may lie apart",
        minimum=0.001,
        maximum=1.0,
    )
    sync_queue_size: int = option(10, "messages kept for synchronisation", minimum=1, maximum=100)
    image_reliability: str = option(
        "auto",
        "QoS of the camera topics; auto follows the publisher",
        choices=("auto", "reliable", "best_effort"),
    )
    max_image_age_sec: float = option(
        2.0,
        "a command waits for a frame that is not older than this at its arrival",
        minimum=0.05,
        maximum=3600.0,
        read_only=False,
    )
    read_ahead_max_rate_hz: float = option(
        0.0,
        "have both models read so many images a second while there is nothing to do; a command is "
        "then answered sooner, about the image read last, if that is not older than "
        "max_image_age_sec; 0 reads an image when its command comes",
        minimum=0.0,
        maximum=60.0,
        read_only=False,
    )
    frame_timeout_sec: float = option(
        5.0,
        "a command for which no frame arrives in this time ends as ERROR",
        minimum=0.1,
        maximum=600.0,
        read_only=False,
    )
    command_timeout_sec: float = option(
        0.0,
        "a command that takes longer from its arrival on is cancelled; 0 for no limit. An action's "
        "goal may bring a limit of its own",
        minimum=0.0,
        maximum=3600.0,
        read_only=False,
    )
    mode: str = option(
        "once",
        "once: one answer for each command; track: the mask found is followed in later images "
        "without the MLLM",
        choices=MODES,
        read_only=False,
    )
    track_reask_sec: float = option(
        0.0,
        "while tracking, ask the MLLM again after so long; 0 only where the target is lost",
        minimum=0.0,
        maximum=3600.0,
        read_only=False,
    )
    track_min_confidence: float = option(
        0.4,
        "while tracking, the target counts as lost below this confidence, and the MLLM is asked "
        "again",
        minimum=0.0,
        maximum=1.0,
        read_only=False,
    )
    track_max_rate_hz: float = option(
        30.0,
        "while tracking, follow at most so many images a second",
        minimum=0.1,
        maximum=240.0,
        read_only=False,
    )
    fallback_config: str = option(
        "",
        "smaller models to go over to when memory runs out: a parameter file whose mllm and "
        "segmenter options count, the name of one in the package's config folder, or embedded; "
        "empty for none",
    )
    max_image_megapixels: float = option(
        40.0,
        "larger images are refused: time and memory of a command grow with them",
        minimum=0.01,
        maximum=256.0,
    )
    target_frame: str = option(
        "",
        "frame that object_pose, grasp_pose, detections_3d, collision_object and grasp are told "
        "in, such as base_link, by tf2 at the time of the image; empty for the camera's own",
    )
    broadcast_tf: bool = option(
        False,
        "broadcast the object and its grasp as the frames ppcr_object and ppcr_grasp on /tf",
    )
    overlay_alpha: float = option(
        0.2, "opacity of the mask on the overlay image", minimum=0.0, maximum=1.0, read_only=False
    )

    @property
    def camera_names(self) -> tuple[str, ...]:
        """The names in ``cameras``; one empty name where it names none."""
        return camera_names(self.cameras) or ("",)

    @property
    def max_image_pixels(self) -> int:
        """``max_image_megapixels`` in pixels."""
        return int(self.max_image_megapixels * 1_000_000)


@dataclass(frozen=True)
class RecordConfig:
    """Options of the bags from which `ppcr replay` makes a decision again."""

    folder: str = option(
        "",
        "where each command is recorded as a bag, its camera image included; empty records nothing",
        read_only=False,
    )
    max_megabytes: int = option(
        1000,
        "the oldest bags are deleted where all of them together take more",
        minimum=1,
        maximum=100_000_000,
        read_only=False,
    )
    only: str = option(
        "all",
        "which commands; failures leaves out what ended as OK or CANCELLED",
        choices=("all", "failures"),
        read_only=False,
    )


@dataclass(frozen=True)
class DialogConfig:
    """Options of the dialog: what is remembered of earlier commands."""

    timeout_sec: float = option(
        30.0,
        "for so long after a question what is said to its camera may be the answer to it, and a "
        "point that was clicked may be meant by 'this one'; 0 takes every command for a new one",
        minimum=0.0,
        maximum=3600.0,
        read_only=False,
    )
    point_topic: str = option(
        "clicked_point",
        "a topic of geometry_msgs/PointStamped, such as RViz's Publish Point: what lies there is "
        "segmented, or chosen where it was asked about; empty for none",
    )


@dataclass(frozen=True)
class Config:
    """All options; the field names are the prefixes of the ROS parameters (``mllm.family``)."""

    mllm: MllmConfig = field(default_factory=MllmConfig)
    segmenter: SegmenterConfig = field(default_factory=SegmenterConfig)
    pipeline: PipelineConfig = field(default_factory=PipelineConfig)
    grasp: GraspConfig = field(default_factory=GraspConfig)
    camera: CameraConfig = field(default_factory=CameraConfig)
    node: NodeConfig = field(default_factory=NodeConfig)
    dialog: DialogConfig = field(default_factory=DialogConfig)
    record: RecordConfig = field(default_factory=RecordConfig)


SECTIONS: dict[str, type[Any]] = {
    "mllm": MllmConfig,
    "segmenter": SegmenterConfig,
    "pipeline": PipelineConfig,
    "grasp": GraspConfig,
    "camera": CameraConfig,
    "node": NodeConfig,
    "dialog": DialogConfig,
    "record": RecordConfig,
}


def config_from_flat(values: Mapping[str, object]) -> Config:
    """The configuration of dotted names such as ``{"mllm.family": "qwen3_vl"}``.

    Raises:
        ConfigError: for an unknown name or an unacceptable value.
    """
    by_section: dict[str, dict[str, object]] = {name: {} for name in SECTIONS}
    for name, value in values.items():
        section, _, key = name.partition(".")
        if section not in by_section or not key:
            raise ConfigError(
                f"unknown option {name}; expected a name that begins with "
                f"{', '.join(s + '.' for s in SECTIONS)}."
            )
        by_section[section][key] = value
    return Config(
        **{name: build(cls, name + ".", by_section[name]) for name, cls in SECTIONS.items()}
    )


def flatten(config: Config) -> dict[str, Scalar]:
    """``config`` as dotted names, the inverse of `config_from_flat`."""
    return {
        f"{section}.{item.name}": getattr(getattr(config, section), item.name)
        for section, cls in SECTIONS.items()
        for item in fields(cls)
    }


def load_config(path: str | Path) -> Config:
    """Read a parameter file, or one of the package by its name.

    Options that it does not name keep their defaults.

    What the file says to other nodes is passed over, and so are parameters that every node has; of
    others that are no options, such as ``use_depth`` for ``node.use_depth``, a warning is logged.

    Raises:
        ConfigError: when the file is not there or cannot be read, is no parameter file, or holds a
            bad option.
    """
    path = find_config(path)
    values = values_for(path, read_parameter_file(path))
    unknown = not_options(values, SECTIONS)
    if unknown:
        warning = without_effect(unknown, list(flatten(Config())))
        _LOG.warning("%s", log_text(f"{path}: {warning}"))
    ours = {name: value for name, value in values.items() if name.partition(".")[0] in SECTIONS}
    return config_from_flat(ours)
