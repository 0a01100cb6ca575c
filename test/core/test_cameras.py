"""The names of several cameras, and where their topics lie."""

from __future__ import annotations

from pathlib import Path

import pytest

from ppcr_ros.core.cameras import camera_names, camera_topic, filled_in, remappings
from ppcr_ros.core.config import NodeConfig, config_from_flat, load_config
from ppcr_ros.core.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", ()),
        ("  ", ()),
        ("front", ("front",)),
        ("front, wrist", ("front", "wrist")),
        ("left_arm,Right2", ("left_arm", "Right2")),
    ],
)
def test_names_stand_between_commas(text: str, names: tuple[str, ...]) -> None:
    assert camera_names(text) == names


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("front,", "''"),
        ("front wrist", "'front wrist'"),
        ("2nd", "'2nd'"),
        ("_hidden", "'_hidden'"),
        ("a__b", "'a__b'"),
        ("a_", "'a_'"),
        ("arm/wrist", "'arm/wrist'"),
        ("~", "'~'"),
        ("wärst", "'wärst'"),
    ],
)
def test_a_name_that_no_topic_can_have_is_refused(text: str, name: str) -> None:
    with pytest.raises(ConfigError) as refused:
        camera_names(text)
    assert f"node.cameras is {text!r} and {name} is no name for a camera" in str(refused.value)
    assert "expected names between commas, such as 'front, wrist'" in str(refused.value)


def test_a_name_that_stands_there_twice_is_refused() -> None:
    with pytest.raises(ConfigError, match="which names 'front' twice; expected each camera once"):
        camera_names("front, wrist, front")


def test_the_option_is_checked_where_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text('/**: {ros__parameters: {node: {cameras: "front, front"}}}', encoding="utf-8")
    with pytest.raises(ConfigError, match="twice"):
        load_config(path)
    with pytest.raises(ConfigError, match="no name for a camera"):
        config_from_flat({"node.cameras": "front/image"})
    assert config_from_flat({"node.cameras": "a,b"}).node.camera_names == ("a", "b")
    assert NodeConfig().camera_names == ("",)


def test_topics_lie_below_the_name() -> None:
    assert camera_topic("", "image/compressed") == "image/compressed"
    assert camera_topic("front", "image/compressed") == "front/image/compressed"
    assert camera_topic("", "~/command") == "~/command"
    assert camera_topic("front", "~/command") == "~/front/command"


def test_a_topic_for_all_is_filled_in() -> None:
    assert filled_in("/{camera}/image_raw", "wrist") == "/wrist/image_raw"
    assert filled_in("/{camera}/image_raw", "") == "/camera/image_raw"
    assert filled_in("/image", "wrist") == "/image"


def test_every_topic_is_named_for_every_camera() -> None:
    topics = {"image": "/{camera}/color", "depth": "/{camera}/depth"}
    assert remappings(("front", "wrist"), topics) == {
        "front/image": "/front/color",
        "front/image/compressed": "/front/color/compressed",
        "front/depth": "/front/depth",
        "wrist/image": "/wrist/color",
        "wrist/image/compressed": "/wrist/color/compressed",
        "wrist/depth": "/wrist/depth",
    }
    for none in ((), ("",)):
        assert remappings(none, {"depth": "/{camera}/depth"}) == {"depth": "/camera/depth"}
    assert remappings(("front",), {"depth": "/depth"}) == {"front/depth": "/depth"}


def test_several_cameras_cannot_share_a_topic() -> None:
    with pytest.raises(ConfigError, match="depth is '/depth' for all of the cameras front, wrist"):
        remappings(("front", "wrist"), {"image": "/{camera}/color", "depth": "/depth"})
