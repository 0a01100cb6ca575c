"""Recorded frames: what is shipped is true, and what is damaged is refused in words."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ppcr_lab.sim import scene_recorder
from ppcr_lab.sim.recording import (
    INDEX_FILE,
    RecordedScene,
    RecordingError,
    SceneRecording,
    SpokenCommand,
    load_recording,
    save_recording,
)

MARGIN_PX = 20.0


@dataclass(frozen=True)
class Reading:
    """What a command says: the target's words, and how it stands to others of them."""

    words: str
    relation: str = ""
    anchor: str = ""
    rank: int = 0


READINGS = {
    "demo-0004": Reading("pink ball", "in", "yellow bowl"),
    "lamps-0009": Reading("blue cylinder", "in", "pink tray"),
    "demo-0008": Reading("tray", "not", "purple tray"),
    "demo-0011": Reading("ball", "right of", "pink bowl"),
    "demo-0003": Reading("red mug"),
    "demo-0007": Reading("yellow cube", "from the right"),
    "bullet-0010": Reading("large green bowl"),
    "demo-0005": Reading("mug"),
    "demo-0001": Reading("cylinder", "in", "large pink plate"),
    "demo-0012": Reading("cone", "from the left", rank=1),
    "demo-0010": Reading("", "in", "red tray"),
}


@pytest.fixture(scope="module")
def shipped() -> SceneRecording:
    return load_recording()


@pytest.fixture
def copy(shipped: SceneRecording, tmp_path: Path) -> Path:
    """A recording of two scenes that a test may damage."""
    save_recording(SceneRecording(shipped.scenes[:2]), tmp_path / "copy")
    return tmp_path / "copy"


def need_renderer() -> None:
    """Skip the test, saying whether MuJoCo or OpenGL is missing."""
    try:
        scene_recorder.TabletopRenderer(8, 8).close()
    except RuntimeError as error:
        pytest.skip(str(error))


def matching(scene: RecordedScene, words: str) -> list[int]:
    return [
        index
        for index, item in enumerate(scene.objects)
        if set(words.split()) <= set(item.text.split())
    ]


def column_px(scene: RecordedScene, index: int) -> float:
    return float(np.flatnonzero(scene.view.mask_of(index).any(axis=0)).mean())


def lies_in(scene: RecordedScene, index: int, anchor: int) -> bool:
    """Whether the middle of an object's pixels is inside the box of the anchor's."""
    rows, columns = np.nonzero(scene.view.mask_of(index))
    around = np.nonzero(scene.view.mask_of(anchor))
    return all(
        side.min() < middle < side.max()
        for side, middle in zip(around, (rows.mean(), columns.mean()), strict=True)
    )


def resolved(scene: RecordedScene, reading: Reading) -> list[int]:
    """The objects that the reading fits, from the recorded pixels alone."""
    found = matching(scene, reading.words)
    if not reading.relation:
        return found
    if reading.relation.startswith("from"):
        sign = 1.0 if reading.relation == "from the left" else -1.0
        order = sorted(found, key=lambda index: sign * column_px(scene, index))
        columns = [column_px(scene, index) for index in order]
        assert np.abs(np.diff(columns)).min() > MARGIN_PX, "too close to tell"
        return [order[reading.rank]]
    (anchor,) = matching(scene, reading.anchor)
    others = [index for index in found if index != anchor]
    if reading.relation == "not":
        return others
    if reading.relation == "in":
        return [index for index in others if lies_in(scene, index, anchor)]
    assert reading.relation == "right of"
    offsets = {index: column_px(scene, index) - column_px(scene, anchor) for index in others}
    assert min(abs(offset) for offset in offsets.values()) > MARGIN_PX, "too close to tell"
    return [index for index, offset in offsets.items() if offset > 0]


def test_shipped_recording_is_small_and_whole(shipped: SceneRecording) -> None:
    folder = Path(load_recording.__code__.co_filename).with_name("recordings")
    assert sum(path.stat().st_size for path in folder.iterdir()) < 8_000_000
    assert len(shipped.scenes) == len({scene.name for scene in shipped.scenes})
    spoken = [(command.text, command.reply) for s in shipped.scenes for command in s.commands]
    assert spoken == [(line.text, line.reply) for line in scene_recorder.SCRIPT]
    assert len(spoken) == 12
    for scene in shipped.scenes:
        view = scene.view
        assert view.rgb.shape == (480, 640, 3)
        assert view.rgb.dtype == np.uint8
        assert view.depth_mm.shape == view.instance.shape == (480, 640)
        assert view.depth_mm.dtype == np.uint16
        assert view.instance.dtype == np.int8
        assert set(np.unique(view.instance)) == {-1, *range(len(scene.objects))}
        assert 300 < view.depth_mm.min() < view.depth_mm.max() < 6000
        assert view.camera_matrix[0, 0] > 400


@pytest.mark.parametrize("name", READINGS)
def test_command_is_true_of_its_scene(shipped: SceneRecording, name: str) -> None:
    scene = shipped.scene_named(name)
    command, *replies = scene.commands
    found = resolved(scene, READINGS[name])
    if command.ambiguous:
        assert len(found) > 1
        assert command.target is None
    else:
        assert found == ([] if command.target is None else [command.target])
    assert all(reply.reply and reply.target in found for reply in replies)


def test_every_command_has_a_reading_and_all_kinds_occur(shipped: SceneRecording) -> None:
    assert set(READINGS) == {scene.name for scene in shipped.scenes}
    relations = {reading.relation for reading in READINGS.values()}
    assert relations == {"", "in", "not", "right of", "from the right", "from the left"}
    spoken = [scene.commands[0] for scene in shipped.scenes]
    assert sum(command.target is None for command in spoken) == 2
    assert sum(command.ambiguous for command in spoken) == 1
    replies = [command for scene in shipped.scenes for command in scene.commands if command.reply]
    assert [command.text for command in replies] == ["the pink one"]
    needed = [
        name
        for name, reading in READINGS.items()
        if reading.relation and len(matching(shipped.scene_named(name), reading.words)) > 1
    ]
    assert len(needed) >= 4, "the words of the others name the object without their relation"


def test_some_scenes_are_of_worlds_that_were_not_trained_in(shipped: SceneRecording) -> None:
    worlds = {scene.split for scene in shipped.scenes}
    assert worlds == {"demo", "lamps", "bullet"}
    rim = shipped.scene_named("bullet-0010")
    (command,) = rim.commands
    assert command.target is not None
    assert rim.objects[command.target].trim_colour == "red"
    assert sum(item.trim_colour == "red" for item in rim.objects) == 1


def test_reading_needs_no_mujoco(shipped: SceneRecording) -> None:
    code = (
        "import sys; sys.modules['mujoco'] = None; sys.modules['rclpy'] = None\n"
        "from ppcr_lab.sim.recording import load_recording; print(len(load_recording().scenes))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == str(len(shipped.scenes)), done.stderr


def test_arrays_cannot_be_written(shipped: SceneRecording) -> None:
    with pytest.raises(ValueError, match="read-only"):
        shipped.scenes[0].view.rgb[0, 0] = 0


def test_saved_recording_reads_back(shipped: SceneRecording, copy: Path) -> None:
    again = load_recording(copy)
    assert [scene.name for scene in again.scenes] == [s.name for s in shipped.scenes[:2]]
    for old, new in zip(shipped.scenes, again.scenes, strict=False):
        assert new.commands == old.commands
        assert new.objects == old.objects
        for part in ("rgb", "depth_mm", "instance", "camera_matrix"):
            np.testing.assert_array_equal(getattr(new.view, part), getattr(old.view, part))


def test_second_colours_and_ambiguity_read_back(shipped: SceneRecording, tmp_path: Path) -> None:
    scene = shipped.scenes[0]
    first = replace(scene.objects[0], trim_colour="grey")
    command = SpokenCommand("the ball", None, ambiguous=True)
    changed = replace(scene, objects=(first, *scene.objects[1:]), commands=(command,))
    save_recording(SceneRecording((changed,)), tmp_path)
    (again,) = load_recording(tmp_path).scenes
    assert again.objects[0].trim_colour == "grey"
    assert again.objects[0].text == scene.objects[0].text
    assert again.commands == (command,)


def test_a_recording_of_version_1_can_be_read(shipped: SceneRecording, copy: Path) -> None:
    document = json.loads((copy / INDEX_FILE).read_text())
    assert document["version"] == 2
    document["version"] = 1
    for scene in document["scenes"]:
        for item in scene["objects"]:
            item["shape"] = item.pop("category")
            del item["trim_colour"]
        for command in scene["commands"]:
            del command["ambiguous"]
    (copy / INDEX_FILE).write_text(json.dumps(document))
    again = load_recording(copy)
    for old, new in zip(shipped.scenes, again.scenes, strict=False):
        assert new.objects == tuple(replace(item, trim_colour=None) for item in old.objects)
    assert [scene.commands for scene in again.scenes] == [s.commands for s in shipped.scenes[:2]]


@pytest.mark.parametrize(("field", "value"), [("category", "sofa"), ("trim_colour", "teal")])
def test_unknown_kind_of_object(copy: Path, field: str, value: str) -> None:
    document = json.loads((copy / INDEX_FILE).read_text())
    document["scenes"][0]["objects"][0][field] = value
    (copy / INDEX_FILE).write_text(json.dumps(document))
    with pytest.raises(RecordingError, match=f"unknown .*{value}"):
        load_recording(copy)


def test_saving_over_a_longer_recording_leaves_no_stale_image(
    shipped: SceneRecording, copy: Path
) -> None:
    save_recording(SceneRecording(shipped.scenes[:1]), copy)
    assert len(list(copy.glob("*.png"))) == 3
    assert len(load_recording(copy).scenes) == 1


def test_recording_again_gives_the_shipped_scenes(shipped: SceneRecording) -> None:
    need_renderer()
    pytest.importorskip("pybullet", reason="a scene is drawn by PyBullet: pip install pybullet")
    again = scene_recorder.record_demo()
    for old, new in zip(shipped.scenes, again.scenes, strict=True):
        assert new.objects == old.objects
        assert new.commands == old.commands
        np.testing.assert_allclose(new.view.camera_matrix, old.view.camera_matrix)
        # Another OpenGL may round a few edge pixels otherwise.
        assert (new.view.instance != old.view.instance).mean() < 0.002
        assert np.abs(new.view.rgb.astype(int) - old.view.rgb).mean() < 2.0


def test_script_line_that_names_no_object_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    line = scene_recorder.Line(0, "take the pink cone", "small pink cone")
    monkeypatch.setattr(scene_recorder, "SCRIPT", (line,))
    need_renderer()
    with pytest.raises(RuntimeError, match=r"0 objects 'small pink cone'.*Correct the script"):
        scene_recorder.record_demo()


@pytest.mark.parametrize("number", [0, 1])
def test_missing_recording(tmp_path: Path, number: int) -> None:
    path = tmp_path if number else tmp_path / "nowhere"
    with pytest.raises(RecordingError, match=r"cannot read .*recording.json.*--write"):
        load_recording(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "cannot read"),
        ("[]", "format and version"),
        ('{"format": "other", "version": 1}', "other"),
        ('{"format": "ppcr_ros.recording", "version": 99}', "99"),
        ('{"format": "ppcr_ros.recording", "version": 1}', "KeyError: 'scenes'"),
        ('{"format": "ppcr_ros.recording", "version": 1, "scenes": []}', "lists no scene"),
    ],
)
def test_damaged_index(copy: Path, text: str, message: str) -> None:
    (copy / INDEX_FILE).write_text(text)
    with pytest.raises(RecordingError, match=message):
        load_recording(copy)


def test_target_that_is_no_object(copy: Path) -> None:
    document = json.loads((copy / INDEX_FILE).read_text())
    document["scenes"][0]["commands"][0]["target"] = 9
    (copy / INDEX_FILE).write_text(json.dumps(document))
    with pytest.raises(RecordingError, match="means object 9 of 7"):
        load_recording(copy)


@pytest.mark.parametrize("kind", ["rgb", "depth", "instance"])
def test_missing_and_truncated_image(copy: Path, kind: str) -> None:
    (path,) = copy.glob(f"demo-0004_{kind}.png")
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(RecordingError, match=f"cannot read the recorded image .*_{kind}.png"):
        load_recording(copy)
    path.unlink()
    with pytest.raises(RecordingError, match=f"cannot read the recorded image .*_{kind}.png"):
        load_recording(copy)


def test_image_of_another_size(copy: Path) -> None:
    (path,) = copy.glob("demo-0004_depth.png")
    Image.fromarray(np.zeros((10, 20), np.uint16)).save(path)
    with pytest.raises(RecordingError, match=r"depth image is \(10, 20\), not \(480, 640\)"):
        load_recording(copy)


def test_unknown_scene(shipped: SceneRecording) -> None:
    with pytest.raises(RecordingError, match="no scene 'demo-9999'; it has demo-0004"):
        shipped.scene_named("demo-9999")


def test_listing_and_its_error(
    copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert scene_recorder.main([str(copy)]) == 0
    assert "'could you grab the pink ball in the bowl please': small pink ball" in (
        capsys.readouterr().out
    )
    assert scene_recorder.main([str(tmp_path / "nowhere")]) == 1
    assert capsys.readouterr().err.startswith("error: cannot read the recording's")
