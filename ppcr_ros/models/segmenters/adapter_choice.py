"""Chooses the prompt adapter of a configuration, and checks that it fits the loaded models."""

from __future__ import annotations

import logging
from pathlib import Path

from ppcr_ros.core.config import AUTO, EMBEDDED, NONE, Config, SegmenterConfig
from ppcr_ros.core.errors import ModelLoadError
from ppcr_ros.core.interfaces import Segmenter
from ppcr_ros.core.outside_text import log_text
from ppcr_ros.core.paths import usable_path
from ppcr_ros.models.loading import load_strictly, resolve_folder
from ppcr_ros.models.segmenters.adapter_files import (
    CONFIG_FILE,
    DECODER_FILE,
    AdapterConfig,
    Partner,
    SavedAdapter,
    load_adapter,
    load_adapter_config,
)
from ppcr_ros.models.segmenters.prompted import PromptEncoderSegmenter
from ppcr_ros.weights.location import ADAPTER_FOLDER

_log = logging.getLogger(__name__)

_TRAIN = "Train one for this pair (ppcr train adapter), or set segmenter.prompt_adapter to none."


def attach_adapter(segmenter: Segmenter, config: Config, *, mllm_width: int) -> Path | None:
    """Give ``segmenter`` the prompt adapter that ``segmenter.prompt_adapter`` means, if any.

    ``auto`` takes the folder `ADAPTER_FOLDER` beside the segmenter's own weights, where there is
    one and it was made for this MLLM. A folder that is named must fit.

    Args:
        segmenter: as loaded for ``config.segmenter``.
        config: of both models.
        mllm_width: the width of the loaded MLLM's hidden states.

    Returns:
        The adapter's folder, or None where there is none.

    Raises:
        ModelLoadError: when the adapter is broken, was made for another pair of models, or is of
            another width than theirs.
    """
    choice = config.segmenter.prompt_adapter
    if choice == NONE:
        return None
    if choice == AUTO:
        folder = folder_beside(config.segmenter)
        if not isinstance(segmenter, PromptEncoderSegmenter) or folder is None:
            return None
        reason = _made_for_others(load_adapter_config(folder), config)
        if reason:
            _log.warning("the prompt adapter %s is not used: %s", folder, log_text(reason))
            return None
    else:
        folder = usable_path(choice, "segmenter.prompt_adapter")
        if not folder.is_dir():
            raise ModelLoadError(
                f"there is no folder {choice!r}; segmenter.prompt_adapter is auto, none, or a "
                "folder that ppcr train adapter wrote."
            )
        if not isinstance(segmenter, PromptEncoderSegmenter):
            raise ModelLoadError(
                f"segmenter.family {config.segmenter.family} takes the semantic prompt as text and "
                f"has no use for the prompt adapter {folder}. Set segmenter.prompt_adapter to auto."
            )
        _check_families(load_adapter_config(folder), config, folder)
    saved = load_adapter(folder)
    _check_widths(saved, config, segmenter, mllm_width)
    decoder = None
    if saved.decoder is not None:
        decoder = segmenter.decoder_copy()
        path = folder / DECODER_FILE
        expected = f"the mask decoder of {segmenter.name}"
        load_strictly(decoder, saved.decoder, path, expected=expected)
    segmenter.attach(saved.network, decoder)
    return folder


def folder_beside(config: SegmenterConfig) -> Path | None:
    """The adapter's folder beside the weights of a segmenter that has been loaded; or None."""
    place = usable_path(config.model, "segmenter.model")
    if config.model != EMBEDDED and place.is_file():
        place = place.parent
    else:
        place = resolve_folder(config.model, config.revision, offline=True, embedded="segmenter")
    folder = place / ADAPTER_FOLDER
    return folder if (folder / CONFIG_FILE).is_file() else None


def partners(config: Config) -> tuple[Partner, Partner]:
    """The MLLM and the segmenter of ``config``."""
    mllm, segmenter = config.mllm, config.segmenter
    return (
        Partner(mllm.family, mllm.model, mllm.revision),
        Partner(segmenter.family, segmenter.model, segmenter.revision),
    )


def _made_for_others(adapter: AdapterConfig, config: Config) -> str:
    """Why an adapter that lies beside the segmenter is not meant for this pair; or nothing."""
    mllm, segmenter = partners(config)
    if (adapter.mllm.family, adapter.mllm.model) != (mllm.family, mllm.model):
        return (
            f"it was made for the MLLM {adapter.mllm}, and this is {mllm}. To use it all the same, "
            "set segmenter.prompt_adapter to its folder."
        )
    # A folder may have been moved together with its adapter; a file may stand beside its like.
    file = usable_path(segmenter.model, "segmenter.model")
    if adapter.segmenter.family != segmenter.family or (
        file.is_file() and file.name != Path(adapter.segmenter.model).name
    ):
        return f"it was made for the segmenter {adapter.segmenter}, and this is {segmenter}."
    return ""


def _check_families(adapter: AdapterConfig, config: Config, folder: Path) -> None:
    mllm, segmenter = partners(config)
    for role, made, here in (
        ("MLLM", adapter.mllm, mllm),
        ("segmenter", adapter.segmenter, segmenter),
    ):
        if made.family != here.family:
            raise ModelLoadError(
                f"the prompt adapter {folder} was made for the {role} {made}; this is {here}. "
                + _TRAIN
            )
        if made.model != here.model or (made.revision and made.revision != here.revision):
            _log.warning(
                "the prompt adapter %s was made for the %s %s, and this is %s: with other weights "
                "its tokens mean nothing",
                folder,
                role,
                log_text(str(made)),
                here,
            )


def _check_widths(
    saved: SavedAdapter, config: Config, segmenter: PromptEncoderSegmenter, mllm_width: int
) -> None:
    mllm, own = partners(config)
    sizes = saved.config.sizes
    for name, made, here, model in (
        ("reads hidden states", sizes.mllm_width, mllm_width, mllm),
        ("makes prompt tokens", sizes.decoder_width, segmenter.prompt_width, own),
    ):
        if made != here:
            raise ModelLoadError(
                f"the prompt adapter {saved.folder} {name} of width {made}; those of {model} have "
                f"{here}. {_TRAIN}"
            )
