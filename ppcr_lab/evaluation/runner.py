"""Runs a pipeline over a data set and weighs every answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, runtime_checkable

from tqdm import tqdm

from ppcr_lab.evaluation.evaluation_report import Failure, Report, confusion, count_statuses
from ppcr_lab.evaluation.journal import Entry, Journal
from ppcr_lab.evaluation.metrics import SampleOutcome, figures, outcome_of
from ppcr_lab.evaluation.request_figures import (
    RequestOutcome,
    RequestTruth,
    judge,
    request_figures,
)
from ppcr_lab.evaluation.samples import ReferringSample
from ppcr_ros.core.types import Frame, ModelNames, Result, Status
from ppcr_ros.weights.provenance import Provenance

Observer = Callable[[ReferringSample, Result, SampleOutcome], None]
"""Called with each sample as soon as it has been weighed."""

_FAILED = (Status.PARSE_FAILED, Status.ERROR, Status.CANCELLED)


@runtime_checkable
class Runs(Protocol):
    """Protocol of what is evaluated: `PPCRPipeline`, or anything that answers like it."""

    models: ModelNames

    def run(self, frame: Frame, command: str, *, command_id: str = "") -> Result: ...


class RunsAhead(Protocol):
    """Protocol of what runs several samples at a time: `shards.ShardedRuns`."""

    models: ModelNames

    def entries(
        self, samples: Iterable[ReferringSample], journal: Journal
    ) -> Iterator[tuple[ReferringSample, Entry]]: ...


def evaluate(
    pipeline: Runs | RunsAhead,
    samples: Iterable[ReferringSample],
    *,
    data: str = "",
    total: int | None = None,
    progress: bool = True,
    observe: Observer | None = None,
    journal: Journal | None = None,
    provenance: Provenance | None = None,
) -> Report:
    """Run every sample once and report.

    Args:
        pipeline: what answers; it is not closed here.
        samples: drawn one at a time, so that a large set needs no memory.
        data: name of the data set, for the report.
        total: how many samples there are, for the progress bar.
        progress: whether to show a progress bar on stderr.
        observe: called after each sample that is run; a wrong answer of the journal is run again.
            Not of a pipeline that runs ahead.
        journal: what was run before is taken from it, and what is run is written to it.
        provenance: goes into the report as it is.
    """
    journal = Journal(None, {}) if journal is None else journal
    outcomes: list[SampleOutcome] = []
    kinds: dict[str, list[SampleOutcome]] = {}
    failures: list[Failure] = []
    requests: list[RequestOutcome] = []
    entries = (
        _entries(pipeline, samples, observe, journal)
        if isinstance(pipeline, Runs)
        else pipeline.entries(samples, journal)
    )
    with tqdm(entries, total=total, desc=data or None, unit="cmd", disable=not progress) as bar:
        for sample, entry in bar:
            outcome = entry.outcome
            outcomes.append(outcome)
            requests += [] if entry.request is None else [entry.request]
            kinds.setdefault(sample.kind, []).append(outcome)
            if outcome.status in _FAILED:
                failures.append(
                    Failure(sample.sample_id, sample.command, outcome.status.name, entry.message)
                )
            right = sum(item.correct for item in outcomes)
            bar.set_postfix(correct=f"{right / len(outcomes):.2f}", failed=len(failures))
    return Report(
        data=data,
        overall=figures(outcomes),
        by_kind={kind: figures(kinds[kind]) for kind in sorted(kinds)},
        statuses=count_statuses([outcome.status for outcome in outcomes]),
        confusion=confusion(outcomes),
        failures=tuple(failures),
        models={"mllm": pipeline.models.mllm, "segmenter": pipeline.models.segmenter},
        provenance=provenance,
        requests=request_figures(requests) if requests else {},
    )


def _entries(
    pipeline: Runs,
    samples: Iterable[ReferringSample],
    observe: Observer | None,
    journal: Journal,
) -> Iterator[tuple[ReferringSample, Entry]]:
    """Each sample with its outcome, one after the other."""
    for sample in samples:
        entry = journal.get(sample.sample_id)
        if entry is None:
            entry = _run(pipeline, sample, observe)
            journal.add(sample.sample_id, entry)
        elif observe is not None and not entry.outcome.correct:
            _run(pipeline, sample, observe)  # the journal keeps figures, and no pictures
        yield sample, entry


def _run(pipeline: Runs, sample: ReferringSample, observe: Observer | None) -> Entry:
    result = pipeline.run(sample.frame, sample.command, command_id=sample.sample_id)
    entry, outcome = entry_of(sample, result)
    if observe is not None:
        observe(sample, result, outcome)
    return entry


def entry_of(sample: ReferringSample, result: Result) -> tuple[Entry, SampleOutcome]:
    """What ``result`` was worth, for the journal and by itself."""
    outcome = outcome_of(result, sample.mask, sample.box_xyxy_px, sample.expected_status)
    truth: RequestTruth | None = getattr(sample, "truth", None)
    judged = judge(result, truth) if truth else None
    return Entry.of(sample.kind, result, outcome, judged), outcome
