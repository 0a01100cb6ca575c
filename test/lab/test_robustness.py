"""Small versions of all faults; `make robustness` runs them whole."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ppcr_lab.robustness import fault_runner
from ppcr_lab.robustness.__main__ import main
from ppcr_lab.robustness.outcome import FaultOutcome, Plan, format_table, is_unexpected
from ppcr_lab.robustness.texts import KINDS, fuzzed_commands
from ppcr_ros.weights.location import EMBEDDED_FOLDER

PACKAGE = Path(fault_runner.__file__).parent
WEIGHTS = EMBEDDED_FOLDER / "mllm" / "model.safetensors"
EMBEDDED = {
    "camera_stream",
    "fuzzed_commands",
    "prompt_injection",
    "everyday_talk",
    "changed_weights",
}


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("fault", fault_runner.FAULTS)
def test_the_bar_of_each_fault_is_met(fault: str, tmp_path: Path) -> None:
    if fault not in fault_runner.WITHOUT_ROS:
        pytest.importorskip("rclpy", reason="needs ROS 2 (rclpy)")
        pytest.importorskip("ppcr_ros.msg", reason="needs the built messages (make build)")
    if fault in EMBEDDED:
        pytest.importorskip("torch", reason="needs torch")
        if not WEIGHTS.is_file():
            pytest.skip(f"needs the embedded weights: {WEIGHTS}")
    report = tmp_path / "robustness.json"
    (outcome,) = fault_runner.FaultRunner(Plan(short=True), report).run([fault])
    log = (tmp_path / "robustness" / f"{fault}.log").read_text(encoding="utf-8", errors="replace")
    (written,) = json.loads(report.read_text(encoding="utf-8"))["faults"]
    assert written == outcome.as_json()
    assert written["tried"] > 0
    told = f"{format_table([outcome])}\n{log[-4000:]}"
    if fault == "everyday_talk" and outcome.missed:
        assert (outcome.crashed, outcome.unanswered) == (0, 0), told
        pytest.xfail(
            "the shipped weights do not reach the bar, docs/robustness.md says why: "
            f"{'; '.join(outcome.missed)}; {outcome.figures}"
        )
    assert outcome.passed, told


def test_every_fault_has_a_module_and_every_module_is_run() -> None:
    modules = {path.stem for path in (PACKAGE / "faults").glob("*.py")} - {"__init__"}
    assert modules == set(fault_runner.FAULTS)


def test_a_fault_that_kills_its_process_is_a_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killer = tmp_path / "python"
    killer.write_text("#!/bin/sh\nkill -SEGV $$\n", encoding="utf-8")
    killer.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(killer))
    (outcome,) = fault_runner.FaultRunner(Plan(short=True), tmp_path / "report.json").run(
        ["fuzzed_answers"]
    )
    assert (outcome.crashed, outcome.passed) == (1, False)
    assert "its process ended with status -11" in outcome.missed[0]


def test_an_exception_in_the_log_is_a_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logger = tmp_path / "python"
    logger.write_text(
        f"#!/bin/sh\necho 'Traceback (most recent call last):'\nexec {sys.executable} \"$@\"\n",
        encoding="utf-8",
    )
    logger.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(logger))
    (outcome,) = fault_runner.FaultRunner(Plan(short=True), tmp_path / "report.json").run(
        ["fuzzed_answers"]
    )
    assert outcome.tried == 500
    assert outcome.crashed == 1


def test_the_exit_status_says_whether_all_bars_were_met(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given: list[FaultOutcome] = []
    monkeypatch.setattr(fault_runner.FaultRunner, "run_fault", lambda self, fault: given[-1])
    arguments = ["--only", "fuzzed_images", "--json", str(tmp_path / "build" / "report.json")]
    given.append(FaultOutcome("fuzzed_images", tried=3, figures={"rate_hz": 2.5}))
    assert main(arguments) == 0
    assert "| fuzzed_images | 3 | 0 | 0 | 0 s | passed |" in capsys.readouterr().out
    given.append(FaultOutcome("fuzzed_images", tried=3, missed=["a bar"]))
    assert main(arguments) == 1
    assert "**missed**: a bar" in capsys.readouterr().out
    given.append(FaultOutcome("fuzzed_images", tried=3, unanswered=1))
    assert main(arguments) == 1


def test_nothing_tried_is_not_passed() -> None:
    assert not FaultOutcome("fuzzed_images").passed


@pytest.mark.parametrize(
    ("message", "unexpected"),
    [
        ("RuntimeError: CUDA out of memory", True),
        ("numpy.linalg.LinAlgError: singular", True),
        ("the image is 0x0 pixels; expected 1 to 16384", False),
        ("", False),
        ("no image to search: Error: none", False),
    ],
)
def test_what_an_unexpected_exception_looks_like(message: str, unexpected: bool) -> None:
    assert is_unexpected(message) is unexpected


def test_commands_are_drawn_from_every_kind_and_the_same_for_a_seed() -> None:
    drawn = list(fuzzed_commands(300, 7))
    assert drawn == list(fuzzed_commands(300, 7))
    assert drawn != list(fuzzed_commands(300, 8))
    assert {kind for kind, _ in drawn} == set(KINDS)
    texts = [text for _, text in drawn]
    assert "" in texts
    assert any("\x00" in text for text in texts)
    assert any("<|" in text for text in texts)
    assert max(map(len, texts)) > 5000


def test_a_domain_is_held_by_one_process_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where two faults talked in one domain, the one counted the other's commands and results."""
    pytest.importorskip("rclpy", reason="needs ROS 2 (rclpy)")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    from ppcr_lab.robustness import domains

    monkeypatch.setattr(domains, "held", {})  # other tests of this process hold theirs

    def other_process() -> str:
        ask = "from ppcr_lab.robustness import domains; print(domains.hold(7), domains.hold(8))"
        command = [sys.executable, "-c", ask]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    assert domains.hold(7)
    assert not domains.hold(7)
    assert other_process() == "False True"
    domains.release(7)
    assert other_process() == "True True"


def test_domains_that_others_hold_are_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("rclpy", reason="needs ROS 2 (rclpy)")
    from ppcr_lab.robustness import domains

    monkeypatch.setenv("ROS_DOMAIN_ID", "0")  # put back afterwards
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(
        domains, "other_nodes", lambda domain: {"a stranger"} if domain > 230 else ()
    )
    monkeypatch.setattr(domains, "held", {})
    first, second = domains.take_quiet_domain(), domains.take_quiet_domain()
    assert first != second
    assert max(first, second) < 100  # not where the stranger is
    assert sorted(domains.held) == sorted((first, second))
    for domain in (first, second):
        domains.release(domain)


def test_memory_is_compared_after_the_warm_up() -> None:
    from ppcr_lab.robustness.faults.camera_stream import MemoryGrowth

    loading = [(float(at), 300.0 + 10.0 * min(at, 15)) for at in range(40)]
    flat = MemoryGrowth.of(loading, 40.0)
    assert flat is not None
    assert (flat.early_mib, flat.share) == (450.0, 0.0)
    leaking = MemoryGrowth.of([(at, mib + 5.0 * at) for at, mib in loading], 40.0)
    assert leaking is not None
    assert leaking.share > 0.1
    assert MemoryGrowth.of(loading[:12], 40.0) is None
