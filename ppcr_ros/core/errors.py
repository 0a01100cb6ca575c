"""The errors of the package.

Every message says what came, what was expected and what to do about it, because it is shown as it
stands: on the node's log, in ``ReferringSegmentation.message`` and on the command line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ppcr_ros.core.masks import Candidate


class PPCRError(Exception):
    """The base of every error that this package raises on purpose."""


class InvalidFrameError(PPCRError):
    """An image, depth image or camera matrix that cannot be used, for example of size zero."""


class InvalidCommandError(PPCRError):
    """A language command that is empty or has no readable character."""


class ConfigError(PPCRError):
    """A configuration value that is unknown, of the wrong type or out of its bounds."""


class ModelLoadError(PPCRError):
    """Weights or processor files that are missing, truncated or of another architecture."""


class OutOfMemoryError(PPCRError):
    """The memory of the host or of the GPU does not suffice to load or to run the models."""


class MllmUnavailable(PPCRError):  # noqa: N818 - a state that passes
    """The engine that serves the MLLM is down, slow, full or broken; others may do meanwhile."""


class AnswerError(PPCRError):
    """Base of the errors that an answer of the MLLM leads to in place of a prompt.

    Attributes:
        answer: what the MLLM wrote.
    """

    def __init__(self, message: str, answer: str = "") -> None:
        super().__init__(message)
        self.answer = answer


class PromptParseError(AnswerError):
    """The MLLM's answer holds no valid prompt."""


class TargetNotFound(AnswerError):  # noqa: N818 - an outcome
    """The MLLM says that the object is not in the image: an outcome, not a fault."""


class TargetForbidden(TargetNotFound):
    """The object that the MLLM takes is the one that the command says to leave alone."""


class TargetAmbiguous(AnswerError):  # noqa: N818 - an outcome
    """The MLLM says that several objects fit the command: an outcome, not a fault.

    Attributes:
        answer: what the MLLM wrote.
        candidates: what fits, for a person to choose from; may be empty.
        question: which one is meant, where the candidates do not say it.
    """

    def __init__(
        self,
        message: str,
        answer: str = "",
        *,
        candidates: tuple[Candidate, ...] = (),
        question: str = "",
    ) -> None:
        super().__init__(message, answer)
        self.candidates, self.question = candidates, question


class SegmentationError(PPCRError):
    """The segmenter gave no usable mask for the prompts."""


class Cancelled(PPCRError):  # noqa: N818 - an outcome
    """The run was stopped by its `CancelToken` before it ended."""


class TargetCleared(Cancelled):
    """The command was to clear the target, which has been done: nothing is searched for."""

    def __init__(self, message: str = "the target was cleared, as the command asked.") -> None:
        super().__init__(message)
