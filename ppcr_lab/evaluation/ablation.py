"""Ablation: measures what each part of PPCR is worth, by the same commands without it.

Every sample is drawn once and run in every way of `core.guidance`, so that the ways are compared in
pairs: a difference is the mean over samples of the difference of their IoU, and its interval is a
bootstrap over the samples.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

import numpy as np
from tqdm import tqdm

from ppcr_lab.evaluation.journal import Entry, Journal
from ppcr_lab.evaluation.metrics import Figures, SampleOutcome, figures, outcome_of
from ppcr_lab.evaluation.runner import Runs
from ppcr_lab.evaluation.samples import ReferringSample
from ppcr_ros.core.config import Config
from ppcr_ros.core.guidance import Guidance
from ppcr_ros.core.live_config import ConfigSource, LiveConfig
from ppcr_ros.core.types import Status
from ppcr_ros.weights.provenance import Provenance

ALL = "all"
WAYS = (
    Guidance.DIRECT,
    Guidance.SEMANTIC_ONLY,
    Guidance.SPATIAL_ONLY,
    Guidance.NO_ADAPTER,
    Guidance.PROGRESSIVE,
)
BASELINE = Guidance.DIRECT

_RESAMPLES = 2000
_GIVE_UP_AFTER = 3
"""Runs that end with the same error before a way counts as impossible for these models."""


class Configurable(Runs, Protocol):
    """A pipeline whose guidance can be changed between two runs."""

    configuration: ConfigSource


@dataclass(frozen=True)
class MiouDifference:
    """A way's mean IoU minus the baseline's on the same samples, with its 95 % interval."""

    miou: float
    low: float
    high: float


@dataclass(frozen=True)
class WayReport:
    """One way's figures.

    Attributes:
        by_kind: under `ALL` those over all samples.
        against_baseline: likewise, where both ways ran the same samples with a target.
        impossible: why these models cannot be run in this way; "" where they can.
    """

    by_kind: dict[str, Figures]
    against_baseline: dict[str, MiouDifference]
    impossible: str = ""


@dataclass(frozen=True)
class AblationReport:
    """Figures of all ways on one data set."""

    data: str
    n: int
    ways: dict[Guidance, WayReport]
    models: dict[str, str]
    provenance: Provenance | None = None

    def to_dict(self) -> dict[str, Any]:
        """The report as plain types."""
        return {
            "data": self.data,
            "n": self.n,
            "baseline": BASELINE.value,
            "ways": {way.value: asdict(report) for way, report in self.ways.items()},
            "models": self.models,
            **({} if self.provenance is None else asdict(self.provenance)),
        }


def ablate(
    pipeline: Configurable,
    config: Config,
    samples: Iterable[ReferringSample],
    *,
    data: str = "",
    total: int | None = None,
    progress: bool = True,
    journal: Journal | None = None,
    provenance: Provenance | None = None,
    ways: tuple[Guidance, ...] = WAYS,
) -> AblationReport:
    """Run every sample in every way.

    Args:
        pipeline: what answers; left with ``config``, not closed.
        config: its configuration; ``pipeline.guidance`` is what changes.
        samples: drawn one at a time.
        data: name of the data set, for the report.
        total: how many samples there are, for the progress bar.
        progress: whether to show a progress bar on stderr.
        journal: what was run before is taken from it, and what is run is written to it.
        provenance: goes into the report as it is.
        ways: which ways; `BASELINE` must be one of them.
    """
    if BASELINE not in ways:
        raise ValueError(f"the ways are {ways}; expected {BASELINE.value} among them.")
    journal = Journal(None, {}) if journal is None else journal
    entries: dict[Guidance, dict[str, Entry]] = {way: {} for way in ways}
    errors: dict[Guidance, list[str]] = {way: [] for way in ways}
    count = 0
    with tqdm(samples, total=total, desc=f"{data} x{len(ways)}", disable=not progress) as bar:
        for sample in bar:
            count += 1
            for way in ways:
                if _impossible(errors[way]):
                    continue
                entry = _run(pipeline, config, sample, way, journal)
                entries[way][sample.sample_id] = entry
                failed = entry.outcome.status is Status.ERROR
                errors[way].append(entry.message if failed else "")
    pipeline.configuration = LiveConfig(config)
    baseline = {name: entry.outcome for name, entry in entries[BASELINE].items()}
    return AblationReport(
        data=data,
        n=count,
        ways={way: _way_report(entries[way], baseline, _impossible(errors[way])) for way in ways},
        models={"mllm": pipeline.models.mllm, "segmenter": pipeline.models.segmenter},
        provenance=provenance,
    )


def _run(
    pipeline: Configurable,
    config: Config,
    sample: ReferringSample,
    way: Guidance,
    journal: Journal,
) -> Entry:
    known = journal.get(sample.sample_id, way.value)
    if known is not None:
        return known
    guided = replace(config.pipeline, guidance=way.value)
    pipeline.configuration = LiveConfig(replace(config, pipeline=guided))
    result = pipeline.run(sample.frame, sample.command, command_id=sample.sample_id)
    outcome = outcome_of(result, sample.mask, sample.box_xyxy_px, sample.expected_status)
    entry = Entry.of(sample.kind, result, outcome)
    journal.add(sample.sample_id, entry, way.value)
    return entry


def _impossible(errors: list[str]) -> str:
    """The error that the first runs all ended with; "" where there is none."""
    first = errors[:_GIVE_UP_AFTER]
    return first[0] if len(first) == _GIVE_UP_AFTER and len(set(first)) == 1 else ""


def _way_report(
    entries: dict[str, Entry], baseline: dict[str, SampleOutcome], impossible: str
) -> WayReport:
    if impossible:
        return WayReport({}, {}, impossible)
    kinds = sorted({entry.kind for entry in entries.values()})
    groups = {ALL: list(entries), **{kind: [] for kind in kinds}}
    for name, entry in entries.items():
        groups[entry.kind].append(name)
    differences = {}
    for kind, names in groups.items():
        pairs = [
            (entries[name].outcome.iou, baseline[name].iou)
            for name in names
            if name in baseline and entries[name].outcome.present
        ]
        if pairs:
            differences[kind] = paired_difference(pairs)
    return WayReport(
        by_kind={k: figures([entries[n].outcome for n in names]) for k, names in groups.items()},
        against_baseline=differences,
    )


def paired_difference(pairs: list[tuple[float, float]]) -> MiouDifference:
    """The mean of first minus second over ``pairs``, with its bootstrap 95 % interval."""
    gaps = np.array([first - second for first, second in pairs], np.float64)
    draws = np.random.default_rng(0).integers(len(gaps), size=(_RESAMPLES, len(gaps)))
    low, high = np.percentile(gaps[draws].mean(axis=1), [2.5, 97.5])
    return MiouDifference(float(gaps.mean()), float(low), float(high))
