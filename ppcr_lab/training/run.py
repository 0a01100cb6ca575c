"""Run folder, schedule, checkpoints and log of a training."""

from __future__ import annotations

import json
import math
import signal
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from tqdm import tqdm

from ppcr_lab.training import parallel
from ppcr_lab.training.muon import Muon


class TrainingRun(ABC):
    """One run in one folder; made anew or, where the folder holds a checkpoint, continued.

    The folder gets ``checkpoint.pt`` (to resume), ``log.jsonl`` (to plot) and ``export/`` (what the
    package ships).

    Args:
        folder: the run folder.
        steps: length of the schedule in steps.
        checkpoint_every: steps between two checkpoints.
        device: ``cpu`` or ``cuda``.
        minutes: where given, the schedule follows the clock instead of ``steps`` and ends after so
            many minutes in all; such a run cannot be repeated exactly.
    """

    name = "train"

    def __init__(
        self,
        folder: Path,
        *,
        steps: int,
        checkpoint_every: int,
        device: str = "cpu",
        minutes: float | None = None,
    ) -> None:
        parallel.join()
        self._device = torch.device(device)
        self._folder, self._steps, self._every = folder, steps, checkpoint_every
        self._budget_sec = None if minutes is None else 60.0 * minutes
        self._step, self._spent_sec = 0, 0.0
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def step(self) -> int:
        """How many steps have been done."""
        return self._step

    @property
    def spent_sec(self) -> float:
        """How long they have taken."""
        return self._spent_sec

    @abstractmethod
    def train_step(self, progress: float) -> dict[str, float]:
        """Do step ``self._step``; ``progress`` is the share 0..1 of the schedule that is done."""

    @abstractmethod
    def validate(self) -> dict[str, float]:
        """Figures on held-out scenes."""

    @abstractmethod
    def export(self, folder: Path) -> None:
        """Write the folder that the package ships."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """What a checkpoint must hold beside the step and the time."""

    @abstractmethod
    def load_state(self, state: dict[str, Any]) -> None:
        """The inverse of `state`."""

    def run(self) -> None:
        """Train to the end of the schedule.

        An interrupt (Ctrl-C) ends it after the step that it came in, with a checkpoint to go on
        from.

        Raises:
            KeyboardInterrupt: when it was interrupted and the checkpoint is written.
        """
        with _interrupt_later() as asked:
            self._take_steps(asked)
        if asked.is_set():
            raise KeyboardInterrupt

    def _take_steps(self, asked: threading.Event) -> None:
        writes = parallel.rank() == 0
        bar = tqdm(
            total=self._steps,
            initial=self._step,
            desc=self.name,
            mininterval=5.0,
            disable=not writes,
        )
        while (progress := parallel.agreed(self._progress(), self._device)) < 1.0:
            if parallel.agreed(float(asked.is_set()), self._device):
                asked.set()
                break
            started = time.perf_counter()
            numbers = self.train_step(progress)
            self._step += 1
            self._spent_sec += time.perf_counter() - started
            bar.update()
            if writes and self._step % 10 == 0:
                self._log({"progress": round(progress, 5), **numbers})
            if writes and self._step % self._every == 0:
                self._checkpoint()
        bar.close()
        if writes:
            self._checkpoint()

    def resume(self) -> None:
        """Take up the folder's checkpoint, if there is one."""
        path = self._folder / "checkpoint.pt"
        if path.exists():
            state = torch.load(path, map_location=self._device, weights_only=True)
            self._step, self._spent_sec = state["step"], state["spent_sec"]
            self.load_state(state)

    def autocast(self) -> torch.autocast:
        """bfloat16 within, where the device multiplies it faster than float32."""
        return torch.autocast(
            self._device.type, dtype=torch.bfloat16, enabled=multiplies_bfloat16(self._device)
        )

    def _progress(self) -> float:
        if self._budget_sec is not None:
            return self._spent_sec / self._budget_sec
        return self._step / self._steps

    def _checkpoint(self) -> None:
        state = {"step": self._step, "spent_sec": self._spent_sec, **self.state()}
        unfinished = self._folder / "checkpoint.pt.part"
        torch.save(state, unfinished)
        unfinished.rename(self._folder / "checkpoint.pt")
        self._log(self.validate())  # the checkpoint is there if nobody waits for this
        self.export(self._folder / "export")

    def _log(self, numbers: dict[str, float]) -> None:
        line = {"step": self._step, "minutes": round(self._spent_sec / 60, 2), **numbers}
        with (self._folder / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")


@contextmanager
def _interrupt_later() -> Iterator[threading.Event]:
    """Within, an interrupt sets the event and nothing else; a second one has its usual effect."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    usual = signal.getsignal(signal.SIGINT)

    def remember(number: int, frame: FrameType | None) -> None:
        asked.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    signal.signal(signal.SIGINT, remember)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, usual)


def cosine(progress: float, *, floor: float = 0.02) -> float:
    """1 at the start of the schedule (``progress`` 0), ``floor`` at its end (1)."""
    return floor + (1.0 - floor) * 0.5 * (1.0 + math.cos(math.pi * min(max(progress, 0.0), 1.0)))


def muon_and_adamw(
    named: Iterable[tuple[str, torch.nn.Parameter]],
    *,
    others: Iterable[torch.nn.Parameter] = (),
    rate: float,
    weight_decay: float,
) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the layers of a model, AdamW for all else.

    Args:
        named: the model's ``named_parameters()``.
        others: parameters that are trained beside the model's; AdamW's as well.
        rate: the learning rate of both; Muon's steps are scaled to the size of AdamW's.
        weight_decay: of both.
    """
    inner: list[torch.nn.Parameter] = []
    rest: list[torch.nn.Parameter] = []
    for name, parameter in named:
        stacked = ".layers." in name or ".blocks." in name
        matrix = stacked and parameter.ndim == 2 and name.endswith(".weight")
        (inner if matrix else rest).append(parameter)
    fast = torch.bfloat16 if inner and multiplies_bfloat16(inner[0].device) else None
    return [
        Muon(inner, lr=rate, weight_decay=weight_decay, product_dtype=fast),
        torch.optim.AdamW([*rest, *others], lr=rate, weight_decay=weight_decay, betas=(0.9, 0.98)),
    ]


def set_rate(optimizers: list[torch.optim.Optimizer], rate: float) -> None:
    """Give every parameter group the learning rate ``rate``."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = rate


def multiplies_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 is faster than float32 on ``device``.

    A CPU without instructions for it takes several times as long.
    """
    if device.type != "cpu":
        return True
    names = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(check() for name in names if (check := getattr(torch.cpu, name, None)))
