"""``ppcr train adapter``: from a pair of models and a data set to their prompt adapter.

First the MLLM writes its own prompts for every sample, then the adapter is fitted to them. Both
parts go on where they were stopped.
"""

from __future__ import annotations

import argparse
import hashlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ppcr_lab.commands.data import add_data_arguments, samples_of
from ppcr_lab.training.adapter_batches import EMBEDDINGS
from ppcr_ros.commands.common import (
    add_config_arguments,
    config_of,
    natural_int,
    positive_float,
    positive_int,
)
from ppcr_ros.core.config import EMBEDDED, MLLM_FAMILIES, Config
from ppcr_ros.core.errors import ModelLoadError, PPCRError
from ppcr_ros.weights.location import locate

if TYPE_CHECKING:
    from ppcr_lab.training.adapter_store import PromptStore

PARTS = ("write", "fit")
_SEGMENTERS = {
    "segment_anything": "segment_anything",
    "sam": "sam",
    "sam2": "sam2",
    "sam2_video": "sam2",
}
"""By a checkpoint's ``model_type`` the family of the segmenters that take an adapter."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_data_arguments(parser, data="tabletop:train", limit=4000)
    parser.add_argument("--into", type=Path, required=True, help="run folder; goes on where it was")
    parser.add_argument("--mllm", help="folder or hub name, instead of the configuration's MLLM")
    parser.add_argument("--segmenter", help="folder, file or hub name, instead of its segmenter")
    add_config_arguments(parser)
    parser.add_argument("--only", choices=PARTS, action="append", help="do this part alone")
    parser.add_argument("--steps", type=positive_int, default=2000, help="default: %(default)s")
    parser.add_argument("--batch", type=positive_int, default=16, help="default: %(default)s")
    parser.add_argument(
        "--minutes", type=positive_float, help="fit by the clock and end after this"
    )
    parser.add_argument("--rate", type=float, default=1e-3, help="learning rate of the adapter")
    parser.add_argument(
        "--train-decoder",
        action="store_true",
        help="train a copy of the mask decoder as well, which is used with the adapter only",
    )
    parser.add_argument("--tokens", type=positive_int, default=8, help="prompt tokens it makes")
    parser.add_argument("--depth", type=positive_int, default=2, help="its attention blocks")
    parser.add_argument(
        "--embeddings",
        choices=EMBEDDINGS,
        default="auto",
        help="keep image embeddings on disk or compute them for every step; default: by size",
    )
    parser.add_argument(
        "--held-out", type=float, default=0.05, help="share of the images to measure on"
    )
    parser.add_argument("--val-samples", type=positive_int, default=128, help="at most so many")
    parser.add_argument("--checkpoint-every", type=positive_int, default=250, help="steps")
    parser.add_argument("--seed", type=natural_int, default=0)
    parser.add_argument("--threads", type=positive_int, default=2, help="CPU threads of torch")
    parser.add_argument(
        "--resume",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="go on from the fit's checkpoint; written prompts are kept in any case",
    )


def run(args: argparse.Namespace) -> int:
    import torch

    torch.set_num_threads(args.threads)
    config = models_of(args, config_of(args))
    parts = args.only or PARTS
    if "write" in parts:
        _write(args, config)
    if "fit" in parts:
        _fit(args, config)
    return 0


def models_of(args: argparse.Namespace, config: Config) -> Config:
    """``config`` with the models that the command line names, each in the family that loads it.

    Raises:
        ModelLoadError: when a model is not there, or of a kind that no family loads.
    """
    if args.mllm is not None:
        mllm = replace(config.mllm, model=args.mllm, revision="")
        config = replace(config, mllm=mllm)
        config = replace(config, mllm=replace(mllm, family=_mllm_family(config)))
    if args.segmenter is not None:
        segmenter = replace(config.segmenter, model=args.segmenter, revision="")
        config = replace(config, segmenter=segmenter)
        config = replace(config, segmenter=replace(segmenter, family=_segmenter_family(config)))
    # An adapter that lies beside the segmenter is not to be trained on top of.
    return replace(config, segmenter=replace(config.segmenter, prompt_adapter="none"))


def _model_type(model: str, config: Config, embedded: str) -> str:
    from ppcr_ros.models.loading import read_config, resolve_folder

    folder = resolve_folder(model, "", offline=config.pipeline.offline, embedded=embedded)
    return str(read_config(folder).get("model_type"))


def _mllm_family(config: Config) -> str:
    from ppcr_ros.models.factory import mllm_family

    if config.mllm.model == EMBEDDED:
        return "ppcr_tiny"
    kind = _model_type(config.mllm.model, config, "mllm")
    for name in MLLM_FAMILIES:
        if kind in mllm_family(name).model_types:
            return name
    raise ModelLoadError(
        f"{config.mllm.model} is a model of type {kind!r}, which no MLLM family loads; expected "
        f"one of {', '.join(MLLM_FAMILIES)}."
    )


def _segmenter_family(config: Config) -> str:
    model = config.segmenter.model
    if model == EMBEDDED or Path(model).expanduser().is_file():
        return "segment_anything"
    kind = _model_type(model, config, "segmenter")
    if kind not in _SEGMENTERS:
        raise ModelLoadError(
            f"{model} is a model of type {kind!r}; a prompt adapter is for "
            f"{', '.join(sorted(set(_SEGMENTERS.values())))}. SAM 3 takes the semantic prompt as "
            "text."
        )
    return _SEGMENTERS[kind]


def _write(args: argparse.Namespace, config: Config) -> None:
    from ppcr_lab.training.adapter_writing import write_prompts
    from ppcr_ros.models.factory import load_mllm

    store = _store(args, config)
    samples = samples_of(args)
    if store.drawn < args.limit:
        mllm = load_mllm(config.mllm, offline=config.pipeline.offline)
        write_prompts(store, mllm, config, samples, limit=args.limit)
    counts = ", ".join(f"{name} {count}" for name, count in store.outcomes.most_common())
    print(f"prompts of {store.drawn} samples in {store.folder}: {counts}")


def _fit(args: argparse.Namespace, config: Config) -> None:
    from ppcr_lab.training.adapter_batches import EmbeddedPrompts
    from ppcr_lab.training.train_adapter import AdapterRecipe, AdapterTraining
    from ppcr_ros.models.factory import load_segmenter
    from ppcr_ros.models.segmenters.adapter_choice import partners
    from ppcr_ros.models.segmenters.adapter_files import AdapterConfig
    from ppcr_ros.models.segmenters.prompt_adapter import AdapterSizes
    from ppcr_ros.models.segmenters.prompted import PromptEncoderSegmenter

    store = _store(args, config)
    if not len(store):
        raise PPCRError(
            f"{store.folder} holds no prompts to learn from ({dict(store.outcomes)}); run the part "
            "write with more samples, or with an MLLM that knows this data."
        )
    segmenter = load_segmenter(config.segmenter, offline=config.pipeline.offline)
    if not isinstance(segmenter, PromptEncoderSegmenter):
        raise ModelLoadError(
            f"segmenter.family {config.segmenter.family} takes no prompt adapter; expected "
            f"{', '.join(sorted(set(_SEGMENTERS.values())))}."
        )
    if not args.resume:
        (args.into / "checkpoint.pt").unlink(missing_ok=True)
    mllm, own = partners(config)
    weights = _weights(config)
    width = segmenter.prompt_width
    samples = EmbeddedPrompts(
        store,
        segmenter,
        args.into / f"embeddings-{weights['segmenter'][:8]}",
        embeddings=args.embeddings,
        held_out=args.held_out,
    )
    adapter = AdapterConfig(
        mllm=mllm,
        segmenter=own,
        sizes=AdapterSizes(
            mllm_width=store.states_width,
            decoder_width=width,
            width=width,
            tokens=args.tokens,
            depth=args.depth,
        ),
        trained_on={
            "data": args.data,
            "outcomes": dict(store.outcomes),
            "weights_sha256": weights,
        },
    )
    recipe = AdapterRecipe(
        seed=args.seed,
        steps=args.steps,
        batch=args.batch,
        learning_rate=args.rate,
        train_decoder=args.train_decoder,
        checkpoint_every=args.checkpoint_every,
        val_samples=args.val_samples,
    )
    AdapterTraining(
        args.into,
        samples,
        segmenter,
        adapter,
        recipe,
        prefetch=segmenter.device.type == "cuda",
        minutes=args.minutes,
    ).run()
    print(f"wrote the adapter into {args.into / 'export'}: set segmenter.prompt_adapter to it")


def _store(args: argparse.Namespace, config: Config) -> PromptStore:
    from ppcr_lab.training.adapter_store import PromptStore, StoreIdentity

    mllm = config.mllm
    whose = "" if args.split_by is None else f" split by {args.split_by}"
    identity = StoreIdentity(
        data=args.data + whose,
        start=args.start,
        mllm={
            "family": mllm.family,
            "model": mllm.model,
            "revision": mllm.revision,
            "weights_sha256": _weights(config)["mllm"],
        },
    )
    return PromptStore(args.into / "prompts", identity)


def _weights(config: Config) -> dict[str, str]:
    """One checksum over the weight files of each model: what was written by other weights, or for
    them, is of no use."""
    return {
        model.role: hashlib.sha256(
            "".join(f"{name} {digest}\n" for name, digest in model.sha256().items()).encode()
        ).hexdigest()
        for model in locate(config)
    }
