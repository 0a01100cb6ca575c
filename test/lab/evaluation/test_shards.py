"""An evaluation in several processes has the outcomes of one in this process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ppcr_lab.evaluation.shards import configs_of
from ppcr_ros import cli
from ppcr_ros.core.config import Config, MllmConfig
from ppcr_ros.weights.location import locate

SET = ["eval", "--data", "worlds:raytraced", "--limit", "3", "--quiet"]


def entries(journal: Path) -> dict[str, Any]:
    found = {}
    for line in journal.read_text(encoding="utf-8").splitlines()[1:]:
        entry = json.loads(line)
        entry["outcome"].pop("seconds")
        found[entry["sample_id"]] = entry
    return found


@pytest.mark.slow
def test_two_processes_have_the_outcomes_of_one(tmp_path: Path) -> None:
    if any(model.problem for model in locate(Config())):
        pytest.skip("needs the embedded weights")
    reports = []
    for name, more in (("one", []), ("two", ["--shards", "2"])):
        report = tmp_path / f"{name}.json"
        assert cli.main([*SET, "--json", str(report), *more]) == 0
        reports.append(json.loads(report.read_text(encoding="utf-8")))
    for name in ("data", "n", "statuses", "confusion", "models", "failures"):
        assert reports[0][name] == reports[1][name], name
    assert reports[0]["miou"] == pytest.approx(reports[1]["miou"], abs=1e-3)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    "end",
    [
        lambda pid: os.killpg(pid, signal.SIGINT),  # a terminal's Ctrl-C: the workers hear it too
        lambda pid: os.kill(pid, signal.SIGKILL),  # want of memory: nobody can say good-bye
    ],
    ids=["interrupted", "killed"],
)
def test_the_same_call_goes_on_where_it_was_broken_off(
    end: Callable[[int], None], tmp_path: Path
) -> None:
    if any(model.problem for model in locate(Config())):
        pytest.skip("needs the embedded weights")
    report, limit = tmp_path / "report.json", 8
    journal = report.with_suffix(".journal.jsonl")
    arguments = ["eval", "--data", "worlds:raytraced", "--limit", str(limit), "--quiet"]
    command = [
        sys.executable,
        "-m",
        "ppcr_ros.cli",
        *arguments,
        "--shards",
        "2",
        "--json",
        str(report),
    ]
    first = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)
    pause = threading.Event()
    while first.poll() is None and (not journal.exists() or not entries(journal)):
        pause.wait(0.05)
    assert first.poll() is None, "it has ended before it could be broken off"
    end(first.pid)
    assert first.wait(120) != 0
    for _ in range(1200):  # no worker stays behind with its models
        if not _group_lives(first.pid):
            break
        pause.wait(0.1)
    assert not _group_lives(first.pid)
    assert not report.exists()
    assert 0 < len(entries(journal)) < limit
    head, *lines = journal.read_text(encoding="utf-8").splitlines()
    written = [json.loads(line) for line in lines]
    for entry in written:
        entry["outcome"]["seconds"] = dict.fromkeys(entry["outcome"]["seconds"], 5000.0)
    marked = "\n".join([head, *map(json.dumps, written)]) + "\n"
    journal.write_text(marked, encoding="utf-8")
    assert subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode == 0
    found = json.loads(report.read_text(encoding="utf-8"))
    assert found["n"] == limit
    assert found["seconds_p90"] > 100  # what was written down was not run again
    assert not journal.exists()  # all of it is in the report


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_endpoints_are_given_in_turn() -> None:
    config = Config(mllm=MllmConfig(family="served", endpoint="http://a/v1", model="m"))
    found = [item.mllm.endpoint for item in configs_of(config, 3, ["http://a/v1", "http://b/v1"])]
    assert found == ["http://a/v1", "http://b/v1", "http://a/v1"]
    assert configs_of(config, 2, []) == [config, config]
    assert len(configs_of(config, 1, ["http://a/v1", "http://b/v1"])) == 2


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--shards", "2", "--ablate"], "neither --ablate nor --gallery"),
        (["--shards", "2", "--gallery", "x.png"], "neither --ablate nor --gallery"),
        (["--endpoints", "http://a/v1"], "mllm.family 'served'"),
    ],
)
def test_what_does_not_go_together_is_told(
    more: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([*SET, *more]) == 2
    assert told in capsys.readouterr().err


def test_an_engine_that_is_not_there_ends_it_and_nothing_is_written_down(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("openai", reason="needs openai: pip install openai")
    config = tmp_path / "served.yaml"
    config.write_text(
        "/**:\n  ros__parameters:\n    mllm: {family: served, served_family: qwen3_vl, model: m,\n"
        "      endpoint: 'http://127.0.0.1:9/v1', retries: 0, connect_timeout_sec: 1.0}\n"
    )
    report = tmp_path / "report.json"
    arguments = [*SET, "--config", str(config), "--endpoints", "http://127.0.0.1:9/v1"]
    assert cli.main([*arguments, "--json", str(report)]) != 0
    assert "The same call goes on where it was" in capsys.readouterr().err
    assert entries(report.with_suffix(".journal.jsonl")) == {}
    assert not report.exists()
