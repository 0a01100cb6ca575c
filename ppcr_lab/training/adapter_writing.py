"""Phase 1 of training a prompt adapter: the frozen MLLM writes its own prompts for every sample.

Nothing is put into its mouth: the adapter is to meet the prompts, and the errors of the boxes, that
it will meet on the robot.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice

from tqdm import tqdm

from ppcr_lab.evaluation.samples import ReferringSample
from ppcr_lab.training.adapter_store import PromptStore, WrittenSample
from ppcr_ros.core.boxes import clip_box
from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.core.command import clean_command
from ppcr_ros.core.config import Config
from ppcr_ros.core.errors import (
    InvalidCommandError,
    PromptParseError,
    TargetAmbiguous,
    TargetNotFound,
)
from ppcr_ros.core.interfaces import Mllm
from ppcr_ros.core.stages.asking import AnswerLimits
from ppcr_ros.core.stages.semantic import understand
from ppcr_ros.core.stages.spatial import ground
from ppcr_ros.core.types import SemanticPrompt, SpatialPrompt

SAMPLES_PER_SHARD = 64
WRITTEN = "written"


class _LeftOut(Exception):  # noqa: N818 - an outcome
    """A sample that an adapter cannot learn from; the text is its name in the count."""


def write_prompts(
    store: PromptStore,
    mllm: Mllm,
    config: Config,
    samples: Iterator[ReferringSample],
    *,
    limit: int,
    progress: bool = True,
) -> None:
    """Draw ``samples`` up to number ``limit`` and store the prompts of each.

    A store that was stopped goes on where it stopped. Samples whose target is absent or not
    unique, or for which the MLLM wrote no prompts, are counted and left out.

    Args:
        store: where to.
        mllm: writes the prompts.
        config: how the stages ask.
        samples: the data set that the store's identity names, from its beginning.
        limit: how many samples are drawn in all, those of earlier runs among them.
        progress: whether to show a progress bar on stderr.

    Raises:
        DataSetError: when a sample cannot be made.
    """
    if store.drawn >= limit:
        return
    drawn, done = store.drawn, store.drawn
    kept: list[WrittenSample] = []
    outcomes: Counter[str] = Counter()
    bar = tqdm(
        desc="write prompts",
        total=limit,
        initial=done,
        unit="cmd",
        mininterval=5.0,
        disable=not progress,
    )
    try:
        for sample in islice(samples, done, limit):
            try:
                kept.append(_written(store, mllm, config, sample))
                outcome = WRITTEN
            except _LeftOut as reason:
                outcome = str(reason)
            outcomes[outcome] += 1
            drawn += 1
            bar.update()
            bar.set_postfix(written=store.outcomes[WRITTEN] + outcomes[WRITTEN], refresh=False)
            if len(kept) == SAMPLES_PER_SHARD:
                store.add_shard(kept, outcomes, drawn)
                kept, outcomes = [], Counter()
    finally:  # what was written before Ctrl-C is worth keeping
        bar.close()
        if outcomes:
            store.add_shard(kept, outcomes, drawn)


def _written(
    store: PromptStore, mllm: Mllm, config: Config, sample: ReferringSample
) -> WrittenSample:
    if sample.mask is None or not sample.mask.any():
        raise _LeftOut("no_target")
    semantic, spatial = _prompts(mllm, config, sample)
    for prompt in (semantic, spatial):
        if prompt.embedding is None or not len(prompt.embedding):
            raise _LeftOut("no_hidden_states")
    size = {"width_px": sample.frame.width_px, "height_px": sample.frame.height_px}
    if clip_box(spatial.box_xyxy_px, **size) is None:
        raise _LeftOut("box_outside")
    image = store.add_image(sample.frame.rgb)
    return WrittenSample(sample.sample_id, image, semantic, spatial, sample.mask)


def _prompts(
    mllm: Mllm, config: Config, sample: ReferringSample
) -> tuple[SemanticPrompt, SpatialPrompt]:
    options, tries, cancel = config.mllm, config.pipeline.repair_tries, CancelToken()
    semantic_limits = AnswerLimits(options.max_new_tokens_semantic, tries)
    spatial_limits = AnswerLimits(options.max_new_tokens_spatial, tries)
    conversation = mllm.open(sample.frame)
    try:
        command = clean_command(sample.command, max_chars=config.pipeline.max_command_chars)
        semantic = understand(mllm.dialect, conversation, command, semantic_limits, cancel)
        if not semantic.present:
            raise _LeftOut("not_found")
        if semantic.ambiguous:
            raise _LeftOut("ambiguous")
        spatial = ground(mllm.dialect, conversation, semantic, sample.frame, spatial_limits, cancel)
        return semantic, spatial
    except TargetNotFound:
        raise _LeftOut("not_found") from None
    except TargetAmbiguous:
        raise _LeftOut("ambiguous") from None
    except PromptParseError:
        raise _LeftOut("parse_failed") from None
    except InvalidCommandError:
        raise _LeftOut("invalid_command") from None
