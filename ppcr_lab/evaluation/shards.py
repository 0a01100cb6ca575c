"""A data set over several processes, each with models or with an engine of its own."""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from typing import Any

from ppcr_lab.evaluation.journal import Entry, Journal
from ppcr_lab.evaluation.runner import entry_of
from ppcr_lab.evaluation.samples import ReferringSample
from ppcr_lab.orphans import end_with_parent
from ppcr_ros.core.closing import Closing
from ppcr_ros.core.config import Config
from ppcr_ros.core.errors import PPCRError
from ppcr_ros.core.types import ModelNames, Result

_AHEAD = 2
"""So many samples wait for each process, so that none waits for a sample."""
_worker: list[Any] = []
"""In a process of a pool: its pipeline."""


class ShardError(PPCRError):
    """A process that has ended, or an engine that is not there; what was run is kept."""


def configs_of(config: Config, shards: int, endpoints: Sequence[str]) -> list[Config]:
    """A configuration for each process; ``endpoints`` are given to them in turn."""
    if not endpoints:
        return [config] * shards
    return [
        replace(config, mllm=replace(config.mllm, endpoint=endpoints[k % len(endpoints)]))
        for k in range(max(shards, len(endpoints)))
    ]


class ShardedRuns(Closing):
    """Runs samples in as many processes as there are configurations; a context manager.

    Attributes:
        models: of the first process.
    """

    def __init__(self, configs: Sequence[Config]) -> None:
        """Start the processes; each loads its models."""
        context = multiprocessing.get_context("spawn")
        queue = context.SimpleQueue()
        for config in configs:
            queue.put(config)
        self._n = len(configs)
        self._pool = ProcessPoolExecutor(self._n, context, _begin, (queue,))
        self.models: ModelNames = _result(self._pool.submit(_models))

    def close(self) -> None:
        """End the processes; what has not begun is not run."""
        self._pool.shutdown(cancel_futures=True)

    def entries(
        self, samples: Iterable[ReferringSample], journal: Journal
    ) -> Iterator[tuple[ReferringSample, Entry]]:
        """Each sample with its outcome, in their order; what is run is written to ``journal``.

        Raises:
            ShardError: where a process has ended, or its engine does not answer.
        """
        waiting: deque[tuple[ReferringSample, Entry | Future[Entry]]] = deque()
        for sample in samples:
            known = journal.get(sample.sample_id)
            waiting.append((sample, known or self._pool.submit(_weigh, sample)))
            if len(waiting) > _AHEAD * self._n:
                yield _written(waiting.popleft(), journal)
        while waiting:
            yield _written(waiting.popleft(), journal)


def _written(
    item: tuple[ReferringSample, Entry | Future[Entry]], journal: Journal
) -> tuple[ReferringSample, Entry]:
    sample, found = item
    if isinstance(found, Entry):
        return sample, found
    entry: Entry = _result(found)
    journal.add(sample.sample_id, entry)
    return sample, entry


def _result(future: Future[Any]) -> Any:
    try:
        return future.result()
    except BrokenProcessPool as error:
        raise ShardError(
            "a process of the evaluation has ended, as for want of memory or because its models "
            "could not be loaded; look above. The same call goes on where it was."
        ) from error


def _begin(configs: Any) -> None:
    end_with_parent()
    from ppcr_ros.models.factory import build_pipeline

    os.environ.setdefault("OMP_NUM_THREADS", "1")
    _worker.append(build_pipeline(configs.get()))


def _models() -> ModelNames:
    models: ModelNames = _worker[0].models
    return models


def _weigh(sample: ReferringSample) -> Entry:
    result: Result = _worker[0].run(sample.frame, sample.command, command_id=sample.sample_id)
    if result.mllm_unavailable:  # no outcome of the model: to be run again, and not written down
        raise ShardError(f"{result.message} The same call goes on where it was.")
    return entry_of(sample, result)[0]
