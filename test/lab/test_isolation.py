"""Processes of the laboratory in ROS domains of their own."""

from __future__ import annotations

import os

import pytest

from ppcr_lab.isolation import local_environment, own_domain


def test_a_domain_of_ones_own_is_not_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ROS_DOMAIN_ID", raising=False)
    free = own_domain()
    assert 1 <= free <= 100
    monkeypatch.setenv("ROS_DOMAIN_ID", str(free))
    assert own_domain() == free + 1


@pytest.mark.parametrize(
    ("distro", "kept_local"),
    [
        ("humble", {"ROS_LOCALHOST_ONLY": "1"}),
        ("jazzy", {"ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}),
        ("", {"ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}),
    ],
)
def test_ros_stays_on_this_machine(
    monkeypatch: pytest.MonkeyPatch, distro: str, kept_local: dict[str, str]
) -> None:
    monkeypatch.setitem(os.environ, "ROS_DISTRO", distro)
    assert local_environment(7) == {"ROS_DOMAIN_ID": "7", **kept_local}
