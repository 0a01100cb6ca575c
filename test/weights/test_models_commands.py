"""``ppcr models pull | verify | lock | list`` as a user meets them, with a hub on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ppcr_ros import cli

COMMIT = "0123456789abcdef0123456789abcdef01234567"
CONFIG = """
/**:
  ros__parameters:
    mllm: {{family: qwen3_vl, model: {mllm}, revision: "{revision}"}}
    segmenter: {{family: sam2, model: {segmenter}, revision: "{revision}"}}
"""


def write_config(
    path: Path, mllm: str, *, segmenter: str = "embedded", revision: str = COMMIT
) -> str:
    text = CONFIG.format(mllm=mllm, segmenter=segmenter, revision=revision)
    path.write_text(text.replace("family: sam2, model: embedded", "model: embedded"))
    return str(path)


@pytest.fixture
def config(tmp_path: Path) -> str:
    """A configuration that names the hub's model for both stages."""
    return write_config(tmp_path / "robot.yaml", "ppcr-test/tiny", segmenter="ppcr-test/tiny")


@pytest.fixture
def embedded(tmp_path: Path) -> str:
    """A configuration that names the hub's model and the embedded segmenter."""
    return write_config(tmp_path / "embedded.yaml", "ppcr-test/tiny")


def test_pull_then_verify_then_list(
    hub: Any, cache: Path, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["models", "pull", "--config", config]) == 0
    shown = capsys.readouterr().out
    assert f"mllm       qwen3_vl          ppcr-test/tiny @ {COMMIT[:12]}" in shown
    assert "whole: 4 files, 0.2 MB, fetched 0.2 MB, checksums right" in shown
    assert shown.count("whole:") == 1  # both stages name the same model
    hub.refusal = (500, "")
    hub.requests.clear()
    assert cli.main(["models", "verify", config]) == 0
    assert "right    mllm" in capsys.readouterr().out
    assert cli.main(["models", "list", config]) == 0
    assert "present, checksums recorded 20" in capsys.readouterr().out
    assert hub.requests == []


def test_verify_names_every_file_that_changed_and_ends_with_1(
    hub: Any, cache: Path, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["models", "pull", config]) == 0
    place = cache / "models--ppcr-test--tiny" / "snapshots" / COMMIT
    blob = (place / "tokenizer.json").resolve()
    blob.write_text('{"version": "6.6"}')
    (place / "chat_template.jinja").unlink()
    capsys.readouterr()
    assert cli.main(["models", "verify", config]) == 1
    shown = capsys.readouterr().out
    assert "WRONG    mllm" in shown
    assert f"{place / 'chat_template.jinja'}: missing" in shown
    assert f"{place / 'tokenizer.json'}: changed: sha256" in shown
    assert "config.json" not in shown
    assert cli.main(["models", "list", config]) == 0
    assert "CHANGED since its checksums were recorded" in capsys.readouterr().out


def test_verify_of_the_embedded_models(capsys: pytest.CaptureFixture[str]) -> None:
    root = Path(cli.__file__).parents[1]
    config = next(
        path / "ppcr.yaml"
        for path in (root / "config", Path(__file__).parents[2] / "config")
        if path.is_dir()
    )
    assert cli.main(["models", "verify", str(config)]) == 0
    shown = capsys.readouterr().out
    assert shown.count("right") == 2


def test_verify_of_a_model_that_is_absent_or_was_never_recorded(
    cache: Path, tmp_path: Path, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["models", "verify", config]) == 1
    assert "absent: not in the local cache: ppcr models pull" in capsys.readouterr().out
    own = tmp_path / "own"
    own.mkdir()
    (own / "model.safetensors").write_bytes(b"")
    assert cli.main(["models", "verify", write_config(tmp_path / "own.yaml", str(own))]) == 1
    assert "never recorded, so that nothing can be compared" in capsys.readouterr().out


def test_a_model_of_ones_own_is_recorded_and_verified(
    hub: Any, cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    for name in ("config.json", "model.safetensors"):
        (own / name).write_bytes(hub.files[name])
    config = write_config(tmp_path / "own.yaml", str(own), revision="")
    assert cli.main(["models", "lock", config]) == 0
    shown = capsys.readouterr().out
    assert f"recorded: 2 files, 0.2 MB in {own / 'models.lock.json'}" in shown
    assert "shipped with its checksums" in shown
    assert cli.main(["models", "pull", config]) == 0
    assert f"nothing to fetch: {own}" in capsys.readouterr().out
    assert cli.main(["models", "verify", config]) == 0
    (own / "config.json").write_text('{"model_type": "evil"}    ')
    assert cli.main(["models", "verify", config]) == 1
    assert f"{own / 'config.json'}: changed" in capsys.readouterr().out
    assert hub.requests == []


def test_lock_of_what_is_not_there(
    cache: Path, embedded: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["models", "lock", embedded]) == 1
    assert "not recorded: not in the local cache" in capsys.readouterr().out


def test_into_another_folder_and_how_to_use_it(
    hub: Any, cache: Path, tmp_path: Path, embedded: str, capsys: pytest.CaptureFixture[str]
) -> None:
    stick = tmp_path / "stick"
    assert cli.main(["models", "pull", embedded, "--into", str(stick)]) == 0
    assert f"export HF_HUB_CACHE={stick}" in capsys.readouterr().out
    assert cli.main(["models", "verify", embedded]) == 1
    assert cli.main(["models", "verify", embedded, "--into", str(stick)]) == 0
    capsys.readouterr()
    assert cli.main(["models", "list", embedded, "--into", str(stick)]) == 0
    assert str(stick) in capsys.readouterr().out


def test_a_copy_of_the_cache_is_verified_where_it_arrives(
    hub: Any,
    cache: Path,
    tmp_path: Path,
    embedded: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    import shutil

    assert cli.main(["models", "pull", embedded]) == 0
    robot = tmp_path / "robot" / "hub"
    shutil.copytree(cache, robot, symlinks=True)  # as rsync -a does
    shutil.rmtree(cache)
    hub.requests.clear()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(robot))
    assert cli.main(["models", "verify", embedded]) == 0
    assert hub.requests == []


def test_an_unpinned_configuration(
    hub: Any, cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_config(tmp_path / "main.yaml", "ppcr-test/tiny", revision="")
    assert cli.main(["models", "pull", config]) == 2
    assert "is not pinned: no revision is named" in capsys.readouterr().err
    assert cli.main(["models", "pull", config, "--allow-unpinned"]) == 0
    assert cli.main(["models", "verify", config]) == 0


@pytest.mark.parametrize("action", ["pull", "lock"])
def test_pull_and_lock_want_a_configuration(
    action: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["models", action]) == 2
    assert "name the configuration whose models are meant" in capsys.readouterr().err


def test_a_gated_model_is_told_in_one_line(
    hub: Any, cache: Path, embedded: str, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.refusal = (403, "GatedRepo")
    assert cli.main(["models", "pull", embedded]) == 2
    shown = capsys.readouterr().err
    assert "ppcr: ppcr-test/tiny is gated: accept its licence at" in shown
    assert "Traceback" not in shown


def test_ctrl_c_says_that_it_resumes(
    hub: Any,
    cache: Path,
    embedded: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ppcr_ros.weights.transfer.fetch_into", interrupted)
    assert cli.main(["models", "pull", embedded]) == 130
    assert "the same command resumes" in capsys.readouterr().err


def test_a_known_licence_is_shown(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = Path(__file__).parents[2] / "config" / "qwen2_5_vl_3b_sam.yaml"
    assert cli.main(["models", "list", str(config)]) == 0
    shown = capsys.readouterr().out
    assert "Qwen Research License: not for commercial use" in shown
    assert "(Apache-2.0)" in shown


def test_debug_shows_where_an_error_came_from(hub: Any, cache: Path, embedded: str) -> None:
    from ppcr_ros.weights.errors import PullError

    hub.refusal = (403, "GatedRepo")
    with pytest.raises(PullError):
        cli.main(["models", "pull", embedded, "--debug"])
