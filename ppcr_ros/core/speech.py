"""Sentence about a result for a person, to be spoken by a text-to-speech node."""

from __future__ import annotations

from dataclasses import replace

from ppcr_ros.core.types import Intent, Result, Status

_NO_NAMES = frozenset(("alone", "be", "there", "here", "in peace", "untouched"))
"""What is left of ``leave that alone`` without ``that``."""


def with_words(result: Result) -> Result:
    """``result`` with its sentence to be spoken, where it has none yet."""
    return result if result.say else replace(result, say=sentence(result))


def sentence(result: Result) -> str:
    """One plain sentence on how a command ended, whatever the ending.

    Empty only for a target that is followed: that is no news. `words_on_loss` tells its end.
    """
    if result.tracked:
        return ""
    match result.status:
        case Status.OK:
            return _found(result)
        case Status.NOT_FOUND:
            return _not_found(result)
        case Status.AMBIGUOUS:
            return result.question or f"I see several that fit {_named(result)}; which one?"
        case Status.LOW_CONFIDENCE:
            return f"I may see {_named(result)}, but I am not sure; please tell me more about it."
        case Status.PARSE_FAILED:
            return "I could not make sense of that; please say it in other words."
        case Status.CANCELLED:
            return "All right, I have stopped."
        case _:
            return "Something went wrong, so I cannot answer that."


def words_on_loss(found: Result, *, too_small: bool = False) -> str:
    """The sentence on the target of ``found`` that is followed no more."""
    if too_small:
        return f"I cannot follow {_named(found)}, for it is too small."
    return f"I have lost {_named(found)}."


def _found(result: Result) -> str:
    semantic, found = result.semantic, result.segmentation
    count = 1 if found is None else len(found.instances)
    seen = f"I see {_named(result)}" if count == 1 else f"I see {_listed(result)}"
    if found is not None and found.destination is not None and semantic is not None:
        seen += f", and {_definite(semantic.destination)}"
    note = result.message.rstrip(".")
    return f"{seen}; {note}." if note else f"{seen}."


def _not_found(result: Result) -> str:
    semantic = result.semantic
    if semantic is None or semantic.intent is Intent.FIND:
        return f"I do not see {_named(result)}."
    if semantic.intent is Intent.PROHIBITION:
        return f"All right, I leave {_left_alone(result.command, semantic.text)} alone."
    return "I look for things that I can see; tell me which one you mean."


def _left_alone(command: str, forbidden: str) -> str:
    """What is forbidden, with its article; ``it`` where the command only points or says ``it``."""
    if not forbidden or forbidden.casefold() == command.casefold() or forbidden in _NO_NAMES:
        return "it"
    return "that one" if forbidden == "one" else _definite(forbidden)


def _named(result: Result) -> str:
    """The target with its article: ``the small green ball``; of several the one that was found."""
    semantic, found = result.semantic, result.segmentation
    if semantic is not None and len(semantic.targets) > 1 and found is not None:
        words = {item.words for item in found.instances}
        if len(words) == 1 and "" not in words:
            return _definite(words.pop())
    if semantic is None or semantic.category in ("object", ""):
        return "what you mean" if result.point_xy_px is None else "what you point at"
    return _definite(semantic.phrase)


def _listed(result: Result) -> str:
    """All instances by their names, or how many there are of the name that they share."""
    found, semantic = result.segmentation, result.semantic
    instances = () if found is None else found.instances
    names = [item.words for item in instances if item.words]
    if len(set(names)) < 2 or len(names) < len(instances):
        name = "what you mean" if semantic is None else semantic.phrase
        return f"{len(instances)} of them: {name}"
    *first, last = dict.fromkeys(map(_definite, names))
    listed = f"{', '.join(first)} and {last}"
    return listed if len(first) + 1 == len(names) else f"{len(names)} of them: {listed}"


def _definite(phrase: str) -> str:
    words: tuple[str, ...] = ("the ", "a ", "an ", "my ", "your ", "that ", "this ")
    return phrase if phrase.startswith(words) else f"the {phrase}"
