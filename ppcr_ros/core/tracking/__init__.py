"""Following a mask at the camera's rate, without the MLLM."""

from ppcr_ros.core.tracking.tracker import MaskTracker, TrackedTarget, TrackerOptions

__all__ = ["MaskTracker", "TrackedTarget", "TrackerOptions"]
