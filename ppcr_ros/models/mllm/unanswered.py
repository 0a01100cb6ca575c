"""Refusals: words in which models say that they cannot look or will not answer.

They sound like denials ("I can't see any image", "I can't identify people"), but say nothing about
the object. Where the object asked for is itself a picture or a person, a denial may be taken for
one: then it is asked again, which is the lesser fault.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from ppcr_ros.core.command import readable
from ppcr_ros.models.mllm.denials import is_nothing, says_absent
from ppcr_ros.models.mllm.json_answers import Found, quotes_condition, takes_back

_IMAGE = r"(?:image|picture|photo|photograph|attachment)s?\b"
_CANNOT = (
    r"(?:can ?not|can't|could not|couldn't|do not|don't|did not|didn't|(?:am |was )?unable to|"
    r"(?:am |'m )?not able to|impossible to)"
)
_PEOPLE = r"(?:people|persons?|individuals?|humans?|faces?|someone|identit(?:y|ies)|who)\b"
_ENGLISH = (
    rf"\b{_CANNOT} (?:\w+ ){{0,2}}(?:identify|recogni[sz]e|name) (?:[\w-]+ ){{0,3}}{_PEOPLE}",
    rf"\b{_CANNOT} (?:\w+ ){{0,2}}(?:see|view|find|access|open|load|process|analy[sz]e|receive) "
    rf"(?:(?:the|any|an|this|that|your|uploaded|attached) ){{0,2}}{_IMAGE}"
    r"(?=\W*\Z|\s*[.,;:!)]| (?:directly|attached|clearly|here|in|that|to|you|provided|so|and)\b)",
    rf"\b{_CANNOT} (?:\w+ ){{0,2}}(?:see|find|locate|detect|identify) (?:any )?"
    rf"(?:objects|things|items)(?: in {_IMAGE}| without\b| because\b)",
    rf"\b{_CANNOT} (?:\w+ ){{0,2}}(?:see|make) (?:[\w-]+ ){{1,4}}(?:clearly|well enough|out)\b",
    rf"\b{_CANNOT} (?:\w+ )?have (?:the |an? |any |enough |sufficient )*"
    r"(?:ability|capability|capacity|access|permission|information|context|vision)\b",
    rf"\bwithout (?:an|the|any) {_IMAGE}",
    rf"\bno {_IMAGE}(?=\W*\Z| (?:is |was |were |has been |have been |found|given)*"
    r"(?:attached|provided|uploaded|available|supplied|sent|included|found|given|to (?:look|see|"
    r"analy[sz]e)|in (?:our|this|the|your) (?:conversation|chat|message|prompt|request))\b)",
    rf"\b{_IMAGE} (?:(?:itself|data|file|you \w+) )?(?:is|was|are|were|could|can|has|have)"
    r"(?: ?not|n't) (?:be |been )?"
    r"(?:found|loaded|opened|attached|provided|uploaded|available|readable|processed|"
    r"visible to me)\b",
    r"\b(?:image|model|url|endpoint|route|resource|session|module) (?:was )?not (?:found|loaded)\b",
    r"\b(?:prompt|question|message|request|command|instruction)s? (?:does|do|did)(?: not|n't)\b|"
    r"\bthere (?:is|was) no (?:question|request|command|instruction|prompt)\b",
    r"\bagainst (?:my|the|our) (?:policy|policies|guidelines)|\bnot allowed to\b",
)
_UNHELPFUL = (
    rf"\b{_CANNOT} (?:\w+ )?(?:help|assist|comply|fulfil+|answer|respond|provide|process|share)\b",
    r"\bnot (?:been )?trained to\b|\bas a (?:text|language)[- ](?:based|only|model)|"
    r"(?:无法|不能)(?:协助|帮助|回答|提供|处理|满足)",
)
"""No refusal where the same words say that the object is not there: they give the reason."""
_CHINESE = (
    r"(?:看不[到见]|无法(?:看到|看见|查看|访问|读取|打开|加载|识别|处理)|没有?(?:看到|收到|上传|提供|附上|发送)|"
    r"未(?:收到|上传|提供)).{0,4}(?:图片|图像|照片|图(?!片|像))(?![中里内上])",
    r"(?:无法|不能|不可以).{0,4}(?:识别|辨认|确认|确定|透露).{0,12}(?:身份|人物|个人|人脸|是谁)",
)
_OTHERS = (
    r"\bkeine? (?:Bild(?:er)?|Fotos?)(?: \w+)? ?(?:sehen|anzeigen|verarbeiten|öffnen|hochgeladen|"
    r"angehängt|erhalten|vorhanden|übermittelt)\b|\bsehe kein (?:Bild|Foto)(?=\W*\Z|[.,;])|"
    r"\bkeine (?:Personen|Menschen|Gesichter) (?:\w+ )?(?:identifizieren|erkennen)\b",
    r"\bidentifier (?:les |des |cette |la |une )?(?:personnes?|visages?|individus?)\b|"
    r"\b(?:vois|voir|trouve|reçu|recevoir) (?:pas |aucune )*(?:d'|les |l'|une? |votre )?"
    r"(?:images?|photos?)(?=\W*\Z|[.,;])|\baucune image n'a été\b",
    r"\bidentificar (?:a )?(?:las? |esta |una |o |as )?(?:personas?|pessoas?|rostros?)\b|"
    r"\b(?:veo|ver|vejo|vedo|vedere) (?:ninguna |nenhuma |nessuna |la |las |a |as |le |l')?"
    r"(?:im[aá]gen(?:es)?|imagens?|immagin[ei]|fotos?)(?=\W*\Z|[.,;])|"
    r"\bidentificare (?:le |la |una )?person[ae]\b",
    r"(?:画像|写真)(?:が|を|は)?(?:見え|見られ|見つかり|確認でき|添付|提供|表示でき|読み込)[^。]*(?:ません|ない)|"
    r"(?:個人|人物)を?(?:特定|識別)(?:する(?:こと)?は?)?(?:[^。]*(?:ません|ない))",
    r"(?:이미지|사진)(?:를|가|을) ?(?:볼 수 없|확인할 수 없|첨부되지)|"
    r"(?:사람|인물|개인)을? ?식별할 수 없",
    r"не (?:могу|вижу) (?:\w+ )?(?:изображени[еяй]|картинк[уи]|фото)(?=\W*\Z|[.,;])|"
    r"не могу (?:опознать|идентифицировать)",
)
_REFUSAL = re.compile("|".join((*_ENGLISH, *_CHINESE, *_OTHERS)), re.IGNORECASE)
_UNHELPFUL_WORDS = re.compile("|".join(_UNHELPFUL), re.IGNORECASE)
_MAX_CHARS = 400
_MAX_TEXTS = 64
_SIMPLIFIED = str.maketrans("無識別圖見傳處沒協", "无识别图见传处没协")
_FAULT_KEYS = ("refusal", "error", "errors", "exception")
_FAILED = re.compile(r"\W*(?:error|fail(?:ed|ure)?|refus(?:ed|al)|blocked|rejected)\b", re.I)


def says_unable(text: str) -> bool:
    """Whether words say that their writer cannot look, or will not answer.

    >>> says_unable("I'm sorry, I can't identify people."), says_unable("I can't see a mug.")
    (True, False)
    """
    text = text[:_MAX_CHARS].replace("_", " ").replace("\u2019", "'")
    if any(_REFUSAL.search(spelling) for spelling in (text, text.translate(_SIMPLIFIED))):
        return True
    return _UNHELPFUL_WORDS.search(text) is not None and not says_absent(text)


def why_no_answer(found: Found, text: str) -> str:
    """How an answer that seems to say "not there" shows that it is none; empty where it is one.

    Args:
        found: the JSON of the answer.
        text: the answer itself, for one without JSON.
    """
    words = found.talk if found.values else text
    if refusal := _refusal_in(words, found.values):
        return f"says that it is none: {readable(refusal)!r:.120}"
    if found.values and quotes_condition(words):
        return "repeats what is to be written if the object is not visible"
    if takes_back(found.after):
        return f"takes itself back: {readable(found.after)!r:.80}"
    return ""


def _refusal_in(talk: str, values: Iterable[Any]) -> str:
    """The words that tell of a refusal or a failure; an "error" may say that nothing is there."""
    texts = [talk, *_texts(list(values))]
    if refused := next((text for text in texts[:_MAX_TEXTS] if says_unable(text)), ""):
        return refused
    if any(says_absent(text) for text in texts[:_MAX_TEXTS] if not is_nothing(text)):
        return ""
    return next(filter(None, map(_fault, values)), "")


def _fault(value: Any) -> str:
    """What an object tells of a failure of its writer."""
    if not isinstance(value, dict):
        return ""
    for key in _FAULT_KEYS:
        told = value.get(key)
        texts = list(_texts(told)) if told else []
        if texts and not all(is_nothing(text) or not text.strip() for text in texts):
            return texts[0]
    status = value.get("status")
    return status if isinstance(status, str) and _FAILED.match(status) else ""


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
