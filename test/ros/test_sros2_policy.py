"""The SROS 2 policy is of the right form and allows all that the node has, and no more than it."""

from __future__ import annotations

import ast
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
POLICY_FILE = ROOT / "config" / "sros2_policy.xml"
RULES = {"topics": ("publish", "subscribe"), "services": ("reply", "request")}
RULES["actions"] = ("call", "execute")
REMAPPINGS = {
    "image": "/camera/image_raw",
    "image/compressed": "/camera/image_raw/compressed",
    "depth": "/camera/depth/image_raw",
    "camera_info": "/camera/camera_info",
}


@pytest.fixture(scope="module")
def policy() -> ElementTree.Element:
    return ElementTree.parse(POLICY_FILE).getroot()


def resolved(name: str, profile: ElementTree.Element) -> str:
    """The full name, as the templates of SROS 2 make it of a topic, service or action."""
    namespace = profile.attrib["ns"].rstrip("/") + "/"
    if name.startswith("/"):
        return name
    return namespace + (profile.attrib["node"] + name[1:] if name.startswith("~") else name)


def allowed(policy: ElementTree.Element, enclave: str, rule: str) -> set[str]:
    """The full names that an enclave may ``publish``, ``subscribe``, ``reply``, ..."""
    names = set()
    for profile in policy.findall(f"enclaves/enclave[@path='{enclave}']/profiles/profile"):
        for expressions in profile:
            if expressions.get(rule) == "ALLOW":
                names |= {resolved((item.text or "").strip(), profile) for item in expressions}
    return names


def expressions_of(policy: ElementTree.Element) -> Iterator[ElementTree.Element]:
    for profile in policy.iter("profile"):
        yield from profile


def test_the_policy_has_the_form_of_sros2(policy: ElementTree.Element) -> None:
    assert (policy.tag, policy.get("version")) == ("policy", "0.2.0")
    assert [child.tag for child in policy] == ["enclaves"]
    for enclave in policy.iterfind("enclaves/*"):
        assert enclave.tag == "enclave"
        assert enclave.attrib["path"].startswith("/")
        assert [child.tag for child in enclave] == ["profiles"]
    profiles = list(policy.iter("profile"))
    assert {profile.attrib["node"] for profile in profiles} == {"ppcr", "ppcr_client"}
    assert all(set(profile.attrib) == {"ns", "node"} for profile in profiles)
    for expressions in expressions_of(policy):
        assert expressions.attrib
        assert set(expressions.attrib) <= set(RULES[expressions.tag])
        assert set(expressions.attrib.values()) <= {"ALLOW", "DENY"}
        assert [item.tag for item in expressions] == [expressions.tag[:-1]] * len(expressions)
        assert len(expressions) > 0


def test_no_wildcard_opens_more_than_is_named(policy: ElementTree.Element) -> None:
    texts = [item.text or "" for expressions in expressions_of(policy) for item in expressions]
    assert all(text.strip("/~_abcdefghijklmnopqrstuvwxyzD23") == "" for text in texts)
    assert len(texts) > 30


def test_the_client_may_command_and_listen_and_nothing_else(policy: ElementTree.Element) -> None:
    assert "/ppcr/command" in allowed(policy, "/ppcr_client", "publish")
    assert "/ppcr/result" in allowed(policy, "/ppcr_client", "subscribe")
    assert allowed(policy, "/ppcr_client", "request") == set()
    assert not any("camera" in name for name in allowed(policy, "/ppcr_client", "publish"))


def topics_in_the_sources() -> set[str]:
    """The topics that the sources of the node name as they publish, whatever is installed here."""
    found = set()
    for path in (ROOT / "ppcr_ros" / "ros").glob("*.py"):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = getattr(getattr(call, "func", None), "attr", "")
            if isinstance(call, ast.Call) and name in ("create_publisher", "_create"):
                literals = [item.value for item in call.args if isinstance(item, ast.Constant)]
                prefix = "/ppcr/" if name == "_create" else "/"
                found |= {f"{prefix}{text.lstrip('/')}" for text in literals}
            elif name == "TransformBroadcaster" or "TransformBroadcaster" in ast.dump(call):
                found.add("/tf")
    return {topic.replace("~/", "ppcr/") for topic in found}


def test_what_depends_on_other_packages_is_allowed_as_well(policy: ElementTree.Element) -> None:
    topics = topics_in_the_sources()
    assert {"/tf", "/bond", "/diagnostics", "/ppcr/grasp", "/ppcr/detections_3d"} <= topics
    assert topics <= allowed(policy, "/ppcr", "publish")


@pytest.mark.parametrize("compressed", [False, True])
def test_the_policy_names_all_that_the_node_creates(
    bench: Any, policy: ElementTree.Element, compressed: bool
) -> None:
    rules = [part for pair in REMAPPINGS.items() for part in ("-r", ":=".join(pair))]
    everything = {
        "node__use_depth": True,
        "node__broadcast_tf": True,
        "node__target_frame": "base_link",
        "node__autostart": False,
    }
    node = bench.start(
        arguments=["--ros-args", *rules], node__use_compressed=compressed, **everything
    )
    name, namespace = node.get_name(), node.get_namespace()

    def names(found: list[tuple[str, list[str]]]) -> set[str]:
        return {topic for topic, _ in found if "/_action/" not in topic}

    bench.until(
        lambda: bench.probe.get_service_names_and_types_by_node(name, namespace), "discovery"
    )
    published = names(node.get_publisher_names_and_types_by_node(name, namespace))
    subscribed = names(node.get_subscriber_names_and_types_by_node(name, namespace))
    served = names(node.get_service_names_and_types_by_node(name, namespace))
    assert {"/ppcr/result", "/diagnostics"} <= published
    assert {"/ppcr/command", "/camera/camera_info"} <= subscribed
    assert "/ppcr/change_state" in served
    assert published <= allowed(policy, "/ppcr", "publish")
    assert subscribed <= allowed(policy, "/ppcr", "subscribe")
    assert served <= allowed(policy, "/ppcr", "reply")
