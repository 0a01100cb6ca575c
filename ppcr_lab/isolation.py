"""A ROS graph for oneself: the demonstration and measurements must reach no robot."""

from __future__ import annotations

import os


def own_domain() -> int:
    """A ROS domain that is not the user's, so that no robot hears what is said there."""
    domain_id = 1 + os.getpid() % 100
    return domain_id if str(domain_id) != os.environ.get("ROS_DOMAIN_ID") else domain_id + 1


def local_environment(domain_id: int) -> dict[str, str]:
    """The variables that keep ROS on this machine; Humble knows another one than its successors."""
    local = (
        {"ROS_LOCALHOST_ONLY": "1"}
        if os.environ.get("ROS_DISTRO") == "humble"
        else {"ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}
    )
    return {"ROS_DOMAIN_ID": str(domain_id), **local}
