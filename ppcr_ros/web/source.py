"""Source of the page's pictures and results, which also takes its commands."""

from __future__ import annotations

from typing import Protocol

from ppcr_ros.web.board import PageBoard


class Source(Protocol):
    """Partner of the page. It tells its `PageBoard` whatever happens, from any thread.

    Every method returns at once; what comes of it is seen on the board.
    """

    title: str
    """What the page is about: the node's full name, or that it is a demonstration."""
    has_more_pictures: bool
    """Whether `next_picture` shows another one."""

    def start(self, board: PageBoard) -> None:
        """From now on fill ``board``: pictures, runs, results, findings."""
        ...

    def watch(self, watched: bool) -> None:
        """Somebody looks at the page, or nobody any more: then pictures need not be fetched."""
        ...

    def submit(self, command: str, point_xy_px: tuple[float, float] | None = None) -> None:
        """Find what ``command`` names, or what is pointed at in the picture that is shown.

        Args:
            command: as it was said; may be empty where there is a point.
            point_xy_px: a pixel of the picture, x to the right and y down.
        """
        ...

    def stop(self) -> None:
        """End what runs and clear the target."""
        ...

    def pause(self, paused: bool) -> None:
        """Hold the picture, and search that one; or go on with what the camera shows."""
        ...

    def next_picture(self) -> None:
        """Show another picture, where there are several."""
        ...

    def close(self) -> None:
        """Give back what is held; may be called again."""
        ...
