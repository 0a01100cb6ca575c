"""Base of the model families, as the session uses them: `Dialect`, template, tokens.

Families are torch-free and hold no state: one instance, ``FAMILY``, stands in each family's module.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

from ppcr_ros.core.interfaces import Answer, Turn
from ppcr_ros.core.types import Array, SemanticPrompt, SpatialPrompt

Message = dict[str, Any]
"""One message of a chat template: ``{"role": ..., "content": [{"type": ...}, ...]}``."""

_ANSWER = "ANSWEROFTHEASSISTANT"


class ChatProcessor(Protocol):
    """The part of a transformers processor that a family may use."""

    image_processor: Any
    tokenizer: Any

    def apply_chat_template(
        self,
        conversation: list[Message],
        *,
        add_generation_prompt: bool,
        tokenize: bool,
        **options: bool,
    ) -> Any: ...


class MllmFamily(ABC):
    """One family of models: how it is prompted, how its answers are read, what is special of it.

    Subclasses implement the `Dialect` and override the rest only where their family differs. Every
    turn is made harmless by the session before it gets here: no special token can stand in it,
    except those that `writes_token` names.
    """

    name: ClassVar[str]
    """The family's name in the configuration."""

    model_types: ClassVar[tuple[str, ...]]
    """The ``model_type`` values of ``config.json`` that this family can load."""

    continues_cache: ClassVar[bool] = True
    """Whether a later turn continues the key/value cache of the turns before.

    False for a model whose prefix attends both ways: there every turn stands alone, begins with
    the image (whose features are reused), and must itself say all that it needs.
    """

    reads_intents: ClassVar[bool] = False
    """Whether stage 1 understands a whole command: part, quantity, destination and all."""

    system: ClassVar[str] = ""
    """The system message, if any: the same for every frame, so that its cache could be kept."""

    template_options: ClassVar[Mapping[str, bool]] = {}
    """What the chat template is told, such as not to have the model think aloud."""

    answers_in_tokens: ClassVar[bool] = False
    """Whether answers hold special tokens, such as places; see `keeps_token`."""

    answer_lead: ClassVar[str] = ""
    """What answers begin with before their first word: a space, where the template ends without."""

    stop_tokens: ClassVar[tuple[str, ...]] = ()
    """Tokens that end an answer, beyond the checkpoint's own end tokens and its template's."""

    unquantized_modules: ClassVar[tuple[str, ...]] = ("lm_head",)
    """Full names of modules that keep their precision under quantisation: the language head, and
    the vision part, for coordinates suffer first."""

    # The Dialect.

    @abstractmethod
    def semantic_turn(self, command: str) -> Turn:
        """Stage 1's question; ``command`` is quoted as data, never as an instruction."""

    @abstractmethod
    def parse_semantic(self, answer: Answer) -> SemanticPrompt:
        """Stage 1's product.

        Raises:
            PromptParseError: when the answer holds no valid prompt.
        """

    @abstractmethod
    def spatial_turn(self, semantic: SemanticPrompt) -> Turn:
        """Stage 2's question, conditioned on stage 1's product."""

    @abstractmethod
    def parse_spatial(self, answer: Answer, *, width_px: int, height_px: int) -> SpatialPrompt:
        """Stage 2's product in the pixels of a frame of the given size.

        Raises:
            TargetNotFound: when the answer says that the object is not there.
            TargetAmbiguous: when it says that several objects fit.
            PromptParseError: when the answer holds no valid prompt.
        """

    def candidates_turn(self, semantic: SemanticPrompt) -> Turn | None:
        """What to ask where several objects fit, for all of them; None where there is no such turn.

        `parse_spatial` reads the answer. Where it is None, ``semantic.seen`` names them.
        """
        return None

    def direct_turn(self, command: str) -> Turn | None:
        """Stage 2's question straight from the command; None where the family has none."""
        return None

    def direct_all_turn(self, command: str) -> Turn | None:
        """The same question for every object that fits; `direct_turn` where there is no other."""
        return self.direct_turn(command)

    @abstractmethod
    def repair_turn(self, turn: Turn, error: str) -> Turn:
        """What to say after an answer to ``turn`` that could not be read; ``error`` says why.

        Where `continues_cache` is False it must ask for everything anew, and in other words: to the
        same question the answer would be the same.
        """

    def verification_turn(
        self, semantic: SemanticPrompt, box_xyxy_px: Array, *, width_px: int, height_px: int
    ) -> Turn | None:
        """A yes/no question whether the box holds the target; None where the family has none."""
        return None

    # What the session asks.

    def first_prompt(self, processor: ChatProcessor, text: str) -> str:
        """The prompt of a first turn: ``text`` with the image's placeholder, for the processor."""
        rendered = processor.apply_chat_template(
            [*self._preamble(), _user(text, image=True)],
            add_generation_prompt=True,
            tokenize=False,
            **self.template_options,
        )
        return str(rendered)

    def next_prompt(self, processor: ChatProcessor, text: str) -> str:
        """What follows an answer: its end token, the user's ``text``, the next answer's head.

        Taken from the template itself: what it writes after an answer in the middle of a
        conversation. The session leaves out the end token that the model may have written, so it
        always stands here. Never called where `continues_cache` is False.
        """
        messages = [
            *self._preamble(),
            _user("x", image=True),
            {"role": "assistant", "content": [{"type": "text", "text": _ANSWER}]},
            _user(text, image=False),
        ]
        rendered = str(
            processor.apply_chat_template(
                messages, add_generation_prompt=True, tokenize=False, **self.template_options
            )
        )
        return rendered.partition(_ANSWER)[2]

    def _preamble(self) -> list[Message]:
        if not self.system:
            return []
        return [{"role": "system", "content": [{"type": "text", "text": self.system}]}]

    def limit_image_tokens(self, processor: ChatProcessor, least: int, most: int) -> bool:
        """Have the processor make at least and at most so many tokens of an image; 0 is no limit.

        Returns:
            Whether this family's number of image tokens can be chosen; otherwise nothing is done.
        """
        return False

    def seen_size_px(
        self, processor: ChatProcessor, inputs: Mapping[str, Any], frame_size_px: tuple[int, int]
    ) -> tuple[int, int]:
        """(width, height) of the image that the model saw; `Answer.image_size_px`.

        ``inputs`` is what the processor returned. The default is the frame's own size, for
        families whose coordinates do not depend on the resized image.
        """
        return frame_size_px

    def served_size_px(
        self, frame_size_px: tuple[int, int], least: int, most: int
    ) -> tuple[int, int]:
        """(width, height) in which an image is sent to an engine that serves the model.

        ``least`` and ``most`` are its tokens; 0 is no limit. The default is the frame's own size,
        for families whose coordinates do not depend on how the engine resizes it.
        """
        return frame_size_px

    def keeps_token(self, token: str) -> bool:
        """Whether a special token stays in the decoded answer, as location tokens must."""
        return False

    def writes_token(self, token: str) -> bool:
        """Whether this family's own turns hold this special token on purpose.

        Such a token is then let through in the quoted command too, so name only harmless ones.
        """
        return False

    def neighbour_tokens(self, token: str) -> tuple[str, ...]:
        """The tokens whose probabilities together are the probability of ``token``.

        The default is the token alone. A family with location bins names the nearest bins as
        well: a model that is sure of a place to within a bin must not look unsure. Called with
        the vocabulary's own spelling; names that the vocabulary lacks are ignored.
        """
        return (token,)


def _user(text: str, *, image: bool) -> Message:
    content: list[dict[str, str]] = [{"type": "image"}] if image else []
    return {"role": "user", "content": [*content, {"type": "text", "text": text}]}
