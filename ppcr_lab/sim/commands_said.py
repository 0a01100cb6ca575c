"""A command and what it means, whatever sampler drew it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ReferringCommand:
    """A command and its reading.

    Attributes:
        text: as spoken, wrapped in an imperative.
        kind: one of `commands.KINDS` or `requests.REQUEST_KINDS`.
        phrase: the target's noun phrase in canonical words; ``nothing`` where none is asked for.
        relation: the canonical relation: ``second from left``, ``left of``, ``largest``; or "".
        target: index into the scene's objects; None where no object fits, or several do.
        anchors: the objects that the relation is to.
        counted: the objects that are counted before the target, in their order.
        fitting: where several objects fit, they, from left to right, at most
            `commands.MOST_LISTED`.
        absent_anchor: the anchor's phrase where the scene has no such anchor; or "".
        targets: where several are asked for, all of them; else empty.
        destination: the object that the target is to be brought to; or None.
        destination_relation: how it is to lie there: ``in``, ``left of``; or "".
        part: the part of the target that is meant, ``handle``; or "".
        forbidden: the objects that must be left alone.
    """

    text: str
    kind: str
    phrase: str
    relation: str
    target: int | None
    anchors: tuple[int, ...] = ()
    counted: tuple[int, ...] = ()
    fitting: tuple[int, ...] = ()
    absent_anchor: str = ""
    targets: tuple[int, ...] = ()
    destination: int | None = None
    destination_relation: str = ""
    part: str = ""
    forbidden: tuple[int, ...] = ()

    @property
    def ambiguous(self) -> bool:
        """Whether several objects fit a command that asks for one."""
        return self.kind == "ambiguous"
