"""The command line as a user meets it: help, answers, errors, exit codes and files."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

import ppcr_ros
from ppcr_ros import cli
from ppcr_ros.commands import train
from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.core.config import Config
from ppcr_ros.core.errors import ModelLoadError, PromptParseError, TargetNotFound
from ppcr_ros.core.interfaces import Answer
from ppcr_ros.core.pipeline import PPCRPipeline
from ppcr_ros.core.types import Array, Frame, MaskCandidates, SemanticPrompt, SpatialPrompt
from ppcr_ros.sim.tabletop_dataset import TabletopSample
from ppcr_ros.weights import locate


class ColourDialect:
    """Understands the word green, refuses to answer about nonsense, and never finds red."""

    def semantic_turn(self, command: str) -> str:
        return command

    def parse_semantic(self, answer: Answer) -> SemanticPrompt:
        if "nonsense" in answer.text:
            raise PromptParseError("no object in the answer.", answer.text)
        if "red" in answer.text:
            raise TargetNotFound("the MLLM sees no red object", answer.text)
        return SemanticPrompt(answer.text, "ball", ("green",), confidence=0.9)

    def spatial_turn(self, semantic: SemanticPrompt) -> str:
        return "where"

    def parse_spatial(self, answer: Answer, *, width_px: int, height_px: int) -> SpatialPrompt:
        return SpatialPrompt("there", np.array([10, 10, 30, 30], np.float32), confidence=0.9)

    def repair_turn(self, error: str) -> str:
        return "nonsense again"

    def verification_turn(
        self, semantic: SemanticPrompt, box_xyxy_px: Array, *, width_px: int, height_px: int
    ) -> str | None:
        return None


class EchoMllm:
    """An MLLM, and its conversation, that says back what it is asked."""

    name = "echo"
    dialect = ColourDialect()

    def open(self, frame: Frame) -> EchoMllm:
        return self

    def ask(self, turn: str, *, max_new_tokens: int, cancel: CancelToken) -> Answer:
        return Answer(turn)

    def yes_probability(self, turn: str, *, cancel: CancelToken) -> float:
        return 1.0


class BoxSegmenter:
    """A segmenter that fills the box."""

    name = "box-filler"

    def encode(self, frame: Frame) -> Any:
        return frame.rgb.shape[:2]

    def segment(
        self, encoded: Any, semantic: SemanticPrompt, spatial: SpatialPrompt
    ) -> MaskCandidates:
        masks = np.zeros((1, *encoded), np.bool_)
        x1, y1, x2, y2 = spatial.box_xyxy_px.astype(int)
        masks[0, y1:y2, x1:x2] = True
        return MaskCandidates(masks, np.array([0.9], np.float32))


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[Config]:
    """The real pipeline on the models above; the list holds the configurations that were loaded."""
    configs: list[Config] = []

    def build(config: Config) -> PPCRPipeline:
        configs.append(config)
        return PPCRPipeline(EchoMllm(), BoxSegmenter(), config)

    monkeypatch.setattr("ppcr_ros.models.factory.build_pipeline", build)
    return configs


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "table.png"
    Image.new("RGB", (64, 48), (90, 90, 90)).save(path)
    return path


# -- the program itself ---------------------------------------------------------------------------


def run_blocked(*arguments: str) -> subprocess.CompletedProcess[str]:
    """``ppcr`` in its own process in which torch, transformers and rclpy cannot be imported."""
    program = (
        "import sys\n"
        "for name in ('torch', 'transformers', 'rclpy', 'segment_anything', 'mujoco', 'cv2',\n"
        "             'huggingface_hub', 'safetensors'):\n"
        "    sys.modules[name] = None\n"
        "from ppcr_ros.cli import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    root = Path(ppcr_ros.__file__).parents[1]
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True, text=True, check=False, cwd=root, timeout=120,
    )  # fmt: skip


@pytest.mark.parametrize(
    "arguments",
    [("--help",), ("--version",), *((name, "--help") for name in cli.COMMANDS)],
)
def test_help_needs_neither_torch_nor_ros(arguments: tuple[str, ...]) -> None:
    done = run_blocked(*arguments)
    assert done.returncode == 0, done.stderr
    assert "ppcr" in done.stdout


def test_models_are_listed_without_torch(tmp_path: Path) -> None:
    config = tmp_path / "robot.yaml"
    config.write_text("/**:\n  ros__parameters:\n    mllm: {model: /nowhere}\n")
    done = run_blocked("models", str(config))
    assert done.returncode == 0, done.stderr
    assert "MISSING: no such file or folder: /nowhere" in done.stdout


def test_without_torch_one_line_says_what_is_missing(image: Path) -> None:
    done = run_blocked("segment", str(image), "the green ball")
    assert done.returncode == 2
    assert "torch" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys\nfrom ppcr_ros.cli import build_parser\nbuild_parser()\n"
        "print(sorted({'numpy', 'PIL', 'torch', 'yaml', 'tqdm'} & set(sys.modules)))"
    )
    root = Path(ppcr_ros.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=root
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("arguments", [[], ["fly"], ["eval", "--foo"], ["eval", "--limit", "0"]])
def test_a_bad_command_line_ends_with_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2
    assert "usage: ppcr" in capsys.readouterr().err


# -- segment --------------------------------------------------------------------------------------


def test_segment_prints_the_three_stages(
    loaded: list[Config], image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["segment", str(image), "the green ball"]) == 0
    shown = capsys.readouterr().out
    assert "status    OK" in shown
    assert "semantic  the green ball  (0.90)" in shown
    assert "spatial   box (10, 10, 30, 30) px" in shown
    assert "mask      400 px in (10, 10, 30, 30) px, score 0.9" in shown


def test_segment_prints_json(
    loaded: list[Config], image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["segment", str(image), "the green ball", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["status"] == "OK"
    assert found["semantic_prompt"]["category"] == "ball"
    assert found["spatial_prompt"]["box_xyxy_px"] == [10, 10, 30, 30]
    assert found["segmentation"]["area_px"] == 400
    assert found["models"] == {"mllm": "echo", "segmenter": "box-filler"}


def test_segment_writes_overlay_and_mask_into_folders_that_it_makes(
    loaded: list[Config], image: Path, tmp_path: Path
) -> None:
    out, mask = tmp_path / "new" / "overlay.png", tmp_path / "other" / "mask.png"
    arguments = ["segment", str(image), "the green ball", "--out", str(out), "--mask", str(mask)]
    assert cli.main(arguments) == 0
    pixels = np.array(Image.open(mask))
    assert set(np.unique(pixels)) == {0, 255}
    assert int((pixels == 255).sum()) == 400
    assert not np.array_equal(np.array(Image.open(out)), np.array(Image.open(image)))


@pytest.mark.parametrize(
    ("command", "status"), [("the red ball", "NOT_FOUND"), ("nonsense", "PARSE_FAILED")]
)
def test_segment_ends_with_1_where_there_is_no_mask(
    loaded: list[Config],
    image: Path,
    command: str,
    status: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    mask = tmp_path / "mask.png"
    assert cli.main(["segment", str(image), command, "--json", "--mask", str(mask)]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["status"] == status
    assert found["message"]
    assert found["segmentation"] is None
    assert not mask.exists()


def test_an_empty_command_is_an_error_with_its_message(
    loaded: list[Config], image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["segment", str(image), "\x00 \t"]) == 1
    assert "has no letter or digit" in capsys.readouterr().out


def test_bad_images_are_refused_in_one_line(
    loaded: list[Config], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("not an image")
    broken = tmp_path / "broken.png"
    Image.new("RGB", (64, 48)).save(broken)
    broken.write_bytes(broken.read_bytes()[:60])
    for path, message in (
        (tmp_path / "none.png", "cannot read the image"),
        (text, "is no image that Pillow can read"),
        (broken, "cannot read the image"),
        (tmp_path, "cannot read the image"),
    ):
        assert cli.main(["segment", str(path), "the ball"]) == 2
        shown = capsys.readouterr().err
        assert message in shown
        assert len(shown.splitlines()) == 1
    assert not loaded  # no model was loaded for nothing


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "I;16", "1"])
def test_every_kind_of_image_becomes_rgb(loaded: list[Config], tmp_path: Path, mode: str) -> None:
    path = tmp_path / "image.png"
    Image.new(mode, (64, 48)).save(path)
    assert cli.main(["segment", str(path), "the green ball"]) == 0


def test_a_photo_is_turned_upright(
    loaded: list[Config], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = tmp_path / "photo.jpg", tmp_path / "overlay.png"
    exif = Image.Exif()
    exif[0x0112] = 6  # taken with the camera turned by 90 degrees
    Image.new("RGB", (64, 48)).save(path, exif=exif)
    assert cli.main(["segment", str(path), "the green ball", "--out", str(out)]) == 0
    assert Image.open(out).size == (48, 64)


def test_an_unwritable_output_is_refused_before_anything_is_loaded(
    loaded: list[Config], image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = image / "overlay.png"
    assert cli.main(["segment", str(image), "the ball", "--out", str(out)]) == 2
    assert "cannot make the folder" in capsys.readouterr().err
    assert not loaded


def test_config_and_device_reach_the_models(
    loaded: list[Config], image: Path, tmp_path: Path
) -> None:
    path = tmp_path / "robot.yaml"
    path.write_text(
        "/**:\n  ros__parameters:\n    mllm: {family: qwen3_vl, model: /m}\n"
        "    pipeline: {min_confidence: 0.0}\n"
    )
    arguments = ["segment", str(image), "the green ball", "--config", str(path)]
    assert cli.main([*arguments, "--device", "cpu"]) == 0
    assert loaded[0].mllm.family == "qwen3_vl"
    assert loaded[0].pipeline.min_confidence == 0.0
    assert (loaded[0].mllm.device, loaded[0].segmenter.device) == ("cpu", "cpu")
    assert cli.main(arguments) == 0
    assert loaded[1].mllm.device == "auto"


# -- errors ---------------------------------------------------------------------------------------


@pytest.fixture
def no_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(config: Config) -> PPCRPipeline:
        raise ModelLoadError("the weights\nare missing; fetch them")

    monkeypatch.setattr("ppcr_ros.models.factory.build_pipeline", build)


@pytest.mark.usefixtures("no_weights")
def test_an_error_is_one_line_and_exit_code_2(
    image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["segment", str(image), "the ball"]) == 2
    assert capsys.readouterr().err == "ppcr: the weights are missing; fetch them\n"


@pytest.mark.usefixtures("no_weights")
def test_debug_shows_where_it_came_from(image: Path) -> None:
    with pytest.raises(ModelLoadError):
        cli.main(["segment", str(image), "the ball", "--debug"])


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ModuleNotFoundError("No module named 'tqdm'", name="tqdm"), "tqdm is not installed"),
        (ModuleNotFoundError("could not import AutoProcessor"), "could not import AutoProcessor"),
    ],
)
def test_a_missing_library_is_named_in_one_line(
    image: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: ModuleNotFoundError,
    message: str,
) -> None:
    def build(config: Config) -> PPCRPipeline:
        raise error

    monkeypatch.setattr("ppcr_ros.models.factory.build_pipeline", build)
    assert cli.main(["segment", str(image), "the ball"]) == 2
    assert capsys.readouterr().err == f"ppcr: {message}; ppcr doctor says what to do\n"


def test_ctrl_c_ends_with_130(
    image: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def build(config: Config) -> PPCRPipeline:
        raise KeyboardInterrupt

    monkeypatch.setattr("ppcr_ros.models.factory.build_pipeline", build)
    assert cli.main(["segment", str(image), "the ball"]) == 130
    assert capsys.readouterr().err == "ppcr: interrupted\n"


def test_a_bad_configuration_is_refused_by_name(
    image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "robot.yaml"
    path.write_text("/**:\n  ros__parameters:\n    mllm: {colour: red}\n")
    assert cli.main(["segment", str(image), "the ball", "--config", str(path)]) == 2
    assert "unknown option mllm.colour" in capsys.readouterr().err


# -- eval -----------------------------------------------------------------------------------------


@pytest.fixture
def samples(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Three samples instead of rendered ones; the list holds what was asked for."""
    asked: list[dict[str, Any]] = []

    def iterate(split: str, limit: int, *, start: int = 0) -> Iterator[TabletopSample]:
        asked.append({"split": split, "limit": limit, "start": start})
        for number, (command, present) in enumerate(
            [("the green ball", True), ("nonsense", True), ("the red ball", False)][:limit]
        ):
            mask = np.zeros((48, 64), np.bool_)
            mask[10:30, 10:30] = True
            yield TabletopSample(
                frame=Frame(np.zeros((48, 64, 3), np.uint8)),
                command=command,
                kind="attribute" if present else "absent",
                mask=mask if present else None,
                box_xyxy_px=np.array([10, 10, 30, 30], np.float32) if present else None,
                scene_index=number,
                sample_id=f"tabletop/{split}/{number:05d}",
            )

    monkeypatch.setattr("ppcr_ros.sim.tabletop_dataset.iter_tabletop", iterate)
    return asked


def test_eval_writes_all_its_files(
    loaded: list[Config],
    samples: list[dict[str, Any]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "reports"
    arguments = ["eval", "--data", "tabletop:test", "--limit", "3", "--start", "7", "--quiet"]
    for name, suffix in (("json", "json"), ("markdown", "md"), ("gallery", "png")):
        arguments += [f"--{name}", str(folder / f"report.{suffix}")]
    assert cli.main(arguments) == 0
    assert samples == [{"split": "test", "limit": 3, "start": 7}]
    found = json.loads((folder / "report.json").read_text())
    assert found["n"] == 3
    assert found["miou"] == pytest.approx(0.5)
    assert found["box_p_at_50"] == pytest.approx(0.5)
    assert found["no_target_accuracy"] == 1.0
    assert found["statuses"]["PARSE_FAILED"] == 1
    assert found["command_line"].startswith("ppcr eval --data tabletop:test --limit 3")
    assert "**all** | 3 |" in (folder / "report.md").read_text()
    assert "**all** | 3 |" in capsys.readouterr().out
    assert Image.open(folder / "report.png").size[0] > 500


def test_eval_shows_its_progress(
    loaded: list[Config], samples: list[dict[str, Any]], capfd: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["eval", "--limit", "1"]) == 0
    shown = capfd.readouterr().err
    assert "1/1" in shown


def test_eval_makes_no_gallery_where_all_is_right(
    loaded: list[Config],
    samples: list[dict[str, Any]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    gallery = tmp_path / "worst.png"
    assert cli.main(["eval", "--limit", "1", "--quiet", "--gallery", str(gallery)]) == 0
    assert not gallery.exists()
    assert "every answer was right" in capsys.readouterr().err


def test_eval_refuses_an_unknown_data_set_before_loading_models(
    loaded: list[Config], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["eval", "--data", "coco:test"]) == 2
    assert "expected a name and a split" in capsys.readouterr().err
    assert not loaded


def test_eval_ends_with_1_where_every_run_failed(
    samples: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Broken(BoxSegmenter):
        def encode(self, frame: Frame) -> Any:
            raise RuntimeError("out of memory")

    monkeypatch.setattr(
        "ppcr_ros.models.factory.build_pipeline",
        lambda config: PPCRPipeline(EchoMllm(), Broken(), config),
    )
    assert cli.main(["eval", "--limit", "1", "--quiet"]) == 1
    shown = capsys.readouterr()
    assert "all 1 runs failed" in shown.err
    assert "out of memory" in shown.out


def test_eval_runs_the_embedded_models(tmp_path: Path) -> None:
    for name in ("torch", "transformers", "segment_anything", "mujoco"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed")
    for weights in locate(Config()):
        if weights.place is None:
            pytest.skip(f"the embedded {weights.role} is not in this checkout: {weights.problem}")
    path = tmp_path / "report.json"
    arguments = ["eval", "--limit", "3", "--quiet", "--device", "cpu", "--json", str(path)]
    # A process of its own, as a user starts it, with nothing imported before.
    root = Path(ppcr_ros.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-m", "ppcr_ros.cli", *arguments],
        capture_output=True, text=True, check=False, cwd=root, timeout=240,
    )  # fmt: skip
    if "cannot be rendered" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    found = json.loads(path.read_text())
    assert found["n"] == 3
    assert found["statuses"]["ERROR"] == 0
    assert found["seconds_p50"] > 0
    assert "mllm/model.safetensors" in found["weights_sha256"]


# -- train ----------------------------------------------------------------------------------------


def test_train_hands_its_arguments_to_the_trainer(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, str]] = []
    module = ModuleType("a_trainer")
    module.add_arguments = lambda parser: (  # type: ignore[attr-defined]
        parser.add_argument("--steps", type=int),
        parser.add_argument("folder"),
    )
    module.run = lambda args: seen.append((args.steps, args.folder))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "a_trainer", module)
    monkeypatch.setitem(train.TRAINERS, "tiny", ("a_trainer", "train a model"))
    assert cli.main(["train", "tiny", "--steps", "5", "out"]) == 0
    assert seen == [(5, "out")]


def test_a_trainer_that_cannot_be_imported_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(train.TRAINERS, "tiny", ("no_such_trainer", "train a model"))
    assert cli.main(["train", "tiny"]) == 2
    assert "no_such_trainer cannot be imported" in capsys.readouterr().err


def test_every_trainer_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    for name in train.TRAINERS:
        with pytest.raises(SystemExit) as ended:
            cli.main(["train", name, "--help"])
        assert ended.value.code == 0
        assert f"usage: ppcr train {name}" in capsys.readouterr().out


def test_train_without_a_choice_shows_the_choices(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["train"]) == 2
    shown = capsys.readouterr().out
    assert all(name in shown for name in train.TRAINERS)


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "ppcr_ros.cli", "models"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.close()
    _, said = process.communicate(timeout=60)
    assert process.returncode == cli.BROKEN_PIPE_EXIT_CODE
    assert said == ""
