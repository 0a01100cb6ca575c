"""Parameters that a request can do without, and which of them an engine refuses."""

from __future__ import annotations

import logging
import re
from typing import Any

_log = logging.getLogger(__name__)

_ORDER = (
    "top_logprobs", "min_p", "repeat_penalty", "repetition_penalty", "response_format",
    "logprobs", "chat_template_kwargs", "skip_special_tokens",
)  # fmt: skip
"""What is left out first where a refusal names nothing: answers need the last ones most."""
_FEWER_TOP = 5
"""So many of the likeliest tokens are told by engines that refuse more."""
FEWER = "top_logprobs above 5"


class RefusedParameters:
    """What the engine at an address refuses for good, learnt from one request to the next."""

    def __init__(self, url: str) -> None:
        """Take the engine's address for people."""
        self.url = url
        self.out: set[str] = set()
        """Left out for good."""
        self.doubted: list[str] = []
        """Left out of a request that was then taken: perhaps not to blame, tried again."""
        self.not_for_them = ""
        """A refusal that came as well when everything was left out."""

    def begin(self, request: dict[str, Any]) -> RequestTrial:
        """One request, asked again until it is taken or refused for another cause."""
        return RequestTrial(self, request)


class RequestTrial:
    """A request from which is left out, refusal by refusal, what the engine may not know."""

    def __init__(self, learnt: RefusedParameters, request: dict[str, Any]) -> None:
        """Take what is known, and the whole request."""
        self._learnt, self._request = learnt, request
        has = set(request) | set(request.get("extra_body") or ())
        again = next((name for name in learnt.doubted if name in has), "")
        self._out = learnt.out | (set(learnt.doubted) - {again})
        self._given_back = again
        self._blamed: dict[str, str] = {}
        self._guessed: list[tuple[str, str]] = []

    def request(self) -> dict[str, Any]:
        """What is sent now."""
        sent = {name: value for name, value in self._request.items() if name not in self._out}
        extra = sent.pop("extra_body", None) or {}
        extra = {name: value for name, value in extra.items() if name not in self._out}
        if extra:
            sent["extra_body"] = extra
        if "logprobs" not in sent:
            sent.pop("top_logprobs", None)
        elif FEWER in self._out and sent.get("top_logprobs", 0) > _FEWER_TOP:
            sent["top_logprobs"] = _FEWER_TOP
        return sent

    def refused(self, said: str) -> bool:
        """Take note of a refusal; whether the request can be sent again with less in it."""
        now = self.request()
        sent = [name for name in _ORDER if name in now or name in now.get("extra_body", ())]
        named = [name for name in sent if re.search(rf"(?<!\w){name}(?!\w)", said)]
        if "top_logprobs" in sent and {"logprobs", "top_logprobs"} & set(named):
            named = [self._top(now)]
        if named:
            self._blamed |= dict.fromkeys(named, said)
            self._out.update(named)
            return True
        if said and said == self._learnt.not_for_them:
            return False
        if self._given_back in sent:
            guess = self._given_back
        elif sent:
            guess = self._top(now) if sent[0] == "top_logprobs" else sent[0]
        else:
            self._learnt.not_for_them = said
            return False
        self._guessed.append((guess, said))
        self._out.add(guess)
        return True

    def _top(self, now: dict[str, Any]) -> str:
        return FEWER if now["top_logprobs"] > _FEWER_TOP else "top_logprobs"

    def taken(self) -> None:
        """Learn from it that the engine took the request as it is now."""
        learnt = self._learnt
        if self._guessed:
            name, said = self._guessed.pop()
            self._blamed[name] = said  # without it alone the request was taken
            doubted = [each for each, _ in self._guessed if each != FEWER]
            learnt.doubted += [each for each in doubted if each not in learnt.doubted]
            self._guessed.clear()
        elif self._given_back in learnt.doubted and self._given_back not in self._out:
            learnt.doubted.remove(self._given_back)
        for name, said in self._blamed.items():
            if name not in learnt.out:
                learnt.out.add(name)
                _log.warning(
                    "the engine at %s refuses %s (%s): it is left out from now on.",
                    learnt.url, name, said[:200] or "without a word",
                )  # fmt: skip
        learnt.doubted = [name for name in learnt.doubted if name not in learnt.out]
        self._blamed.clear()
