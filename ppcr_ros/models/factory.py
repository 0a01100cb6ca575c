"""Loads the models of a configuration; torch is imported when the first model is loaded."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

from ppcr_ros.core.cancellation import next_loading_step
from ppcr_ros.core.config import (
    AUTO,
    EMBEDDED,
    MLLM_FAMILIES,
    NONE,
    SERVED,
    Config,
    MllmConfig,
    SegmenterConfig,
)
from ppcr_ros.core.errors import ModelLoadError
from ppcr_ros.core.interfaces import Segmenter
from ppcr_ros.core.paths import usable_path
from ppcr_ros.core.pipeline import PPCRPipeline
from ppcr_ros.core.scoring import CALIBRATION_FILE, ScoreCalibration
from ppcr_ros.weights.location import EMBEDDED_FOLDER

if TYPE_CHECKING:
    from ppcr_ros.models.mllm.family import MllmFamily
    from ppcr_ros.models.mllm.session import TransformersMllm
    from ppcr_ros.models.served.mllm import ServedMllm


def mllm_family(name: str) -> MllmFamily:
    """The family of a configuration value, from the module of the same name.

    Raises:
        ModelLoadError: when there is no such family.
    """
    module_name = f"ppcr_ros.models.mllm.{name}"
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name != module_name:
            raise
        raise ModelLoadError(
            f"there is no MLLM family {name!r}; expected one of {', '.join(MLLM_FAMILIES)}."
        ) from error
    family: MllmFamily = module.FAMILY
    return family


def load_served(config: MllmConfig) -> ServedMllm:
    """The multimodal language model that the engine at ``mllm.endpoint`` serves.

    Raises:
        ConfigError: when the endpoint, the model's name or the key is missing.
        ModelLoadError: when the package ``openai`` is missing.
    """
    from ppcr_ros.models.served import loader

    return loader.load(config, mllm_family(config.served_family))


def load_mllm(config: MllmConfig, *, offline: bool) -> TransformersMllm:
    """The multimodal language model of stages 1 and 2, on its device, in eval mode.

    Raises:
        ModelLoadError: when its files are missing, damaged, of another architecture or not in the
            local cache, or when its device or quantisation cannot be had.
        OutOfMemoryError: when it does not fit into memory.
    """
    _require_libraries("torch")
    from ppcr_ros.models.torchvision_schemas import make_torchvision_importable

    make_torchvision_importable()  # before transformers, which imports it wherever it is installed
    _require_libraries("transformers")
    from ppcr_ros.models.memory import memory_errors
    from ppcr_ros.models.mllm import loader

    with memory_errors(f"the MLLM {config.model}"):
        return loader.load(config, mllm_family(config.family), offline=offline)


def load_segmenter(config: SegmenterConfig, *, offline: bool) -> Segmenter:
    """The promptable segmenter of stage 3, on its device, in eval mode.

    Raises:
        ModelLoadError: as `load_mllm`.
        OutOfMemoryError: as `load_mllm`.
    """
    _require_libraries("torch")
    from ppcr_ros.models import segmenters
    from ppcr_ros.models.memory import memory_errors

    with memory_errors(f"the segmenter {config.model}"):
        return segmenters.load(config, offline=offline)


def build_pipeline(config: Config) -> PPCRPipeline:
    """Both models, the prompt adapter between them and the calibration of their score, composed.

    Raises:
        ModelLoadError: when one of them cannot be loaded, or the adapter does not fit the two.
        OutOfMemoryError: when they do not fit into memory together.
        ConfigError: when the calibration cannot be read.
        Cancelled: when the process is to end before they are loaded.
    """
    offline = config.pipeline.offline
    mllm: TransformersMllm | ServedMllm
    if config.mllm.family == SERVED:
        mllm = load_served(config.mllm)
    else:
        mllm = load_mllm(config.mllm, offline=offline)
    next_loading_step()
    segmenter = load_segmenter(config.segmenter, offline=offline)
    next_loading_step()
    from ppcr_ros.models.memory import TorchMemory, memory_errors, weight_bytes
    from ppcr_ros.models.segmenters.adapter_choice import attach_adapter
    from ppcr_ros.models.served.mllm import ServedMllm

    adapter = None  # an engine gives no hidden states to make one's input of
    if not isinstance(mllm, ServedMllm):
        with memory_errors("the prompt adapter"):
            adapter = attach_adapter(segmenter, config, mllm_width=mllm.engine.hidden_width)
    calibration = chosen_calibration(config, adapter)
    memory = TorchMemory(
        mllm_bytes=0 if isinstance(mllm, ServedMllm) else weight_bytes(mllm.engine),
        segmenter_bytes=weight_bytes(segmenter),
    )
    return PPCRPipeline(mllm, segmenter, config, calibration, memory)


def chosen_calibration(config: Config, adapter: Path | None) -> ScoreCalibration | None:
    """What ``pipeline.score_calibration`` says: a file, none, or that of the models in use.

    Those of an ``adapter`` lie in its folder; the two embedded models have one beside them.

    Raises:
        ConfigError: when the file is missing or broken.
    """
    choice = config.pipeline.score_calibration
    if choice == AUTO:
        file = None if adapter is None else adapter / CALIBRATION_FILE
        if adapter is None and config.mllm.model == config.segmenter.model == EMBEDDED:
            file = EMBEDDED_FOLDER / CALIBRATION_FILE
        return ScoreCalibration.load(file) if file is not None and file.is_file() else None
    if choice == NONE:
        return None
    return ScoreCalibration.load(usable_path(choice, "pipeline.score_calibration"))


def _require_libraries(*names: str) -> None:
    for name in names:
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise ModelLoadError(
                f"{name} cannot be imported: {error}. Install it with pip install {name}; on a "
                "robot, the build that its GPU needs."
            ) from error
