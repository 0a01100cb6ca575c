"""A training run: its files, and that a stopped one goes on as if it had not been stopped."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="training needs torch")

from ppcr_lab.training import parallel  # noqa: E402
from ppcr_lab.training.run import TrainingRun, cosine, multiplies_bfloat16, set_rate  # noqa: E402


class Line(TrainingRun):
    """Fits one weight to 3 by steps that depend on the step's number and the progress."""

    name = "fit a line"

    def __init__(self, folder: Path, steps: int = 20, **options: Any) -> None:
        super().__init__(folder, steps=steps, checkpoint_every=5, **options)
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.optimizer = torch.optim.AdamW([self.weight], lr=0.5)
        self.resume()

    def train_step(self, progress: float) -> dict[str, float]:
        set_rate([self.optimizer], 0.5 * cosine(progress))
        loss = (self.weight * (1 + self._step % 3) - 3 * (1 + self._step % 3)).square().sum()
        self.optimizer.zero_grad()
        loss.backward()
        parallel.average_gradients([self.weight])
        self.optimizer.step()
        return {"loss": loss.item()}

    def validate(self) -> dict[str, float]:
        return {"val_error": abs(self.weight.item() - 3)}

    def export(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        (folder / "weight.txt").write_text(str(self.weight.item()))

    def state(self) -> dict[str, Any]:
        return {"weight": self.weight.detach(), "optimizer": self.optimizer.state_dict()}

    def load_state(self, state: dict[str, Any]) -> None:
        self.weight.data.copy_(state["weight"])
        self.optimizer.load_state_dict(state["optimizer"])


class Stopped(Line):
    """Loses its process in step 13."""

    def train_step(self, progress: float) -> dict[str, float]:
        if self._step == 13:
            raise KeyboardInterrupt
        return super().train_step(progress)


class Interrupted(Line):
    """Is sent an interrupt in step 13, as Ctrl-C does."""

    def train_step(self, progress: float) -> dict[str, float]:
        if self._step == 13:
            os.kill(os.getpid(), signal.SIGINT)
        return super().train_step(progress)


class ImpatientlyMeasured(Line):
    """Loses its process while it is measured after step 15."""

    def validate(self) -> dict[str, float]:
        if self._step == 15:
            raise KeyboardInterrupt
        return super().validate()


def lines(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def test_a_run_leaves_checkpoint_log_and_export(tmp_path: Path) -> None:
    run = Line(tmp_path / "run")
    run.run()
    assert (tmp_path / "run" / "checkpoint.pt").is_file()
    assert float((tmp_path / "run" / "export" / "weight.txt").read_text()) == run.weight.item()
    log = lines(tmp_path / "run")
    assert [line["step"] for line in log if "loss" in line] == [10, 20]
    assert log[-1]["val_error"] < log[0]["val_error"]


def test_an_interrupted_run_ends_after_its_step_and_goes_on_to_the_same_weights(
    tmp_path: Path,
) -> None:
    with pytest.raises(KeyboardInterrupt):
        Interrupted(tmp_path / "run").run()
    state = torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)
    assert state["step"] == 14
    again, whole = Line(tmp_path / "run"), Line(tmp_path / "whole")
    again.run()
    whole.run()
    assert again.weight.item() == whole.weight.item()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_stopped_run_goes_on_from_its_checkpoint_to_the_same_weights(tmp_path: Path) -> None:
    whole = Line(tmp_path / "whole")
    whole.run()
    with pytest.raises(KeyboardInterrupt):
        Stopped(tmp_path / "stopped").run()
    again = Line(tmp_path / "stopped")
    assert again.step == 10
    again.run()
    assert torch.equal(again.weight, whole.weight)


def test_a_checkpoint_does_not_wait_for_its_figures(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        ImpatientlyMeasured(tmp_path / "run").run()
    assert torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)["step"] == 15


def test_a_finished_run_is_not_trained_again(tmp_path: Path) -> None:
    first = Line(tmp_path)
    first.run()
    second = Line(tmp_path)
    second.run()
    assert second.step == 20
    assert torch.equal(first.weight, second.weight)


def test_a_run_by_the_clock_ends_by_the_clock(tmp_path: Path) -> None:
    run = Line(tmp_path, steps=10**9, minutes=1e-4)
    run.run()
    assert 0 < run.step < 10**9
    assert run.spent_sec >= 6e-3


def test_the_rate_falls_from_one_to_its_floor() -> None:
    assert cosine(-1.0) == cosine(0.0) == 1.0
    assert cosine(0.5) == pytest.approx(0.51)
    assert cosine(1.0) == cosine(2.0) == pytest.approx(0.02)


def test_one_process_needs_no_group() -> None:
    assert (parallel.rank(), parallel.world_size()) == (0, 1)
    assert parallel.agreed(0.25, torch.device("cpu")) == 0.25


def test_bfloat16_is_for_devices_that_multiply_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a CPU without instructions for it a step takes several times as long."""
    names = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    for name in names:
        monkeypatch.setattr(torch.cpu, name, lambda: False, raising=False)
    assert not multiplies_bfloat16(torch.device("cpu"))
    assert multiplies_bfloat16(torch.device("cuda"))
    for name in names:
        with monkeypatch.context() as patch:
            patch.setattr(torch.cpu, name, lambda: True)
            assert multiplies_bfloat16(torch.device("cpu"))
