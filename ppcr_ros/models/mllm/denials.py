# ruff: noqa: RUF001 - Cyrillic and Turkish letters look like others
"""Denials: words in which models say that an object is not there, in their users' languages."""

from __future__ import annotations

import re

_NOTHING = (
    r"none|null|nil|nothing|no|nope|n/a|not (?:found|visible|present|there|available|applicable)|"
    r"absent|missing|invisible|false|"
    r"(?:no such|no) (?:object|thing|item|target|match|box|bounding box)(?: \w+)?|undefined|"
    r"(?:object|item|target) (?:is )?not \w+|out of (?:view|sight|frame)|not in (?:view|frame)|"
    r"无|没有|没|不存在|未找到|没找到|不可见|不在图中|看不见|看不到|找不到|图[中里]没有|"
    r"なし|無し|ありません|нет|отсутствует|없음|없습니다|yok|geen|brak|nie ma|"
    r"لا يوجد|không có|tidak ada|"
    r"nein|nichts|kein(?:e[nmrs]?)?|nicht (?:vorhanden|sichtbar|gefunden|erkennbar|zu sehen)|"
    r"non|rien|aucune?|pas (?:visible|présente?|trouvée?)|introuvable|"
    r"nada|ningun[oa]?|no (?:encontrad[oa]|visible|presente|está)|"
    r"nessun[oa]?|niente|nulla|non (?:trovat[oa]|visibile|presente)|"
    r"não|nenhuma?|não (?:encontrad[oa]|visível|presente|está)"
)
_ENGLISH = (
    r"\b(?:is|are)(?:n't| not| no longer) (?:\w+ ){0,2}"
    r"(?:visible|present|in|on|found|there|shown)\b",
    r"\bthere (?:is|are|was) (?:no|none)\b|"
    r"\bthere(?:(?:'s| isn't| aren't)(?: no| any| an?)\b| (?:isn't|aren't)\W*\Z)|\bno such\b",
    r"\bnot visible\b",
    r"\b(?:can(?:not|'t)|could(?: not|n't)|unable to|do(?: not|n't)|did(?: not|n't)) "
    r"(?:see|find|locate|detect|identify)\b",
    r"\b(?:do|does|did)(?: not|n't) (?:seem to |appear to )?"
    r"(?:contain|show|include|have|depict|appear|exist)\b",
    r"\b(?:image|picture|photo|photograph|scene|table|frame|view|it) (?:\w+ ){0,2}"
    r"(?:contains|shows|has|have|includes) no\b|\b(?:i|we) (?:\w+ )?(?:see|saw|find|found) no\b",
    r"\bno (?:\w+ ){1,5}(?:(?:is|are|was|were|can be|could be) )?"
    r"(?:visible|present|found|seen|shown|detected)\b|\bno (?:\w+ ){1,5}(?:is|are) (?:there|in)\b",
    r"\b(?:object|item|target|nothing) (?:was )?(?:not )?found\b",
    r"\A\W*no (?!(?:idea|more|parking|smoking|entry|exit|name|brand|it|the|this|that|they|its|on|"
    r"in|at|to)\b)"
    r"(?:[\w'-]+ ){0,4}[\w'-]+\W*\Z",
    r"\bno (?:\w+ ){0,3}match(?:es|ing)?\b|"
    r"\b(?:nothing|none) (?:\w+ ){0,5}(?:match|fit|look)(?:es|s)?\b",
    r"\bnone of (?:\w+ ){1,4}(?:is|are)\b|\bbut (?:there (?:is|are) )?no\b",
    r"\bnot (?:found|detected|present|in (?:view|frame|sight))\s*(?:[^\w\s]|\Z)",
    r"\b(?:is|are) (?:absent|nowhere|out of (?:view|sight|frame))\b|"
    r"\b(?:is|are) missing(?: from| in|\W*\Z)",
    r"\b(?:can(?: ?not|'t)|could(?: not|n't)) be (?:seen|found|located|detected|identified)\b",
    r"\bimpossible to (?:see|find|locate|detect|identify)\b",
    r"\b(?:unfortunately|sorry|regrettably|alas),? (?:but )?no (?:\w+ ){0,3}\w+|"
    r"\bnone (?:of \w+ )?(?:is|are|was) (?:visible|present|there|shown|found|seen)\b",
)
_CHINESE = (
    r"没有(?!问题|疑问|错|被|遮|完全|其他|其它|任何遮)|没(?:找到|看到|看见|发现|见到)|不存在|[不未]包含|不可见|不在(?:图|画面|视野)|未(?:找到|发现|检测|见|出现)|"
    r"(?:找|看|见)不[到见]|无法(?:找到|看到|识别|定位)|并无|"
    r"(?:图像|图片|图|画面|照片)(?:中|里|内)无",
)
_GERMAN = (
    r"\bnicht (?:\w+ ){0,3}(?:sichtbar|vorhanden|zu (?:sehen|finden)|gefunden|erkennbar|finden|"
    r"sehen|erkennen|entdecken|ausmachen|enthalten|(?:auf dem|im) Bild)\b",
    r"\b(?:ist|sind|gibt(?: es)?|enthält|zeigt|kann(?: ich)?|sehe(?: ich)?|finde(?: ich)?|"
    r"erkenne(?: ich)?) (?:\w+ ){0,3}kein(?:e[nmrs]?)?\b",
    r"\bkein(?:e[nmrs]?)? (?:[\w-]+ ){1,5}"
    r"(?:sichtbar|vorhanden|zu sehen|gefunden|erkannt|erkennbar|im Bild)\b",
    r"\bnichts (?:gefunden|zu sehen|erkannt)\b|\bfehlt\W*\Z|"
    r"\bgibt es (?:\w+ ){0,3}nicht\b|\A\W*keine? (?!Problem|Sorge|Ahnung)(?:\w+ ){0,2}\w+\W*\Z",
)
_FRENCH = (
    r"\bil n'y a (?:pas|aucun)",
    r"\bn'(?:est|apparaît|existe|apparait) (?:pas|plus)\b",
    r"\b(?:ne|n')\s?(?:vois|voit|trouve|trouvons|contient|montre|comporte|figure|détecte|"
    r"distingue|peux|peut|parviens)\b",
    r"\baucune? (?:\w+ ){1,4}(?:n'est|n'a|trouvée?|visible|présente?|détectée?)\b",
    r"\best (?:introuvable|absente?)\b|\bne (?:correspond|correspondent)\b|"
    r"\A\W*(?:pas d['e]|aucune? )(?! ?problème| ?souci| ?doute)(?: ?\w+){1,4}\W*\Z",
)
_SPANISH = (
    r"\bno (?:hay|existe[n]?)(?! (?:problema|duda|de qué))\b",
    r"\bno (?:se (?:ve|encuentra|observa|aprecia|detecta)n?|está|es visible|aparecen?|"
    r"(?:lo |la )?(?:veo|encuentro|puedo|pude|logro)|contiene|muestra|incluye|encontré)\b",
    r"\bning[uú]n[oa]? (?:\w+ ){1,4}(?:visible|presente|encontrad[oa])\b|"
    r"\A\W*ning[uú]n[oa]? (?!problema|duda)(?:\w+ ){0,2}\w+\W*\Z",
)
_ITALIAN = (
    r"\bnon (?:c'è|ci sono)(?! (?:problem|dubbi))",
    r"\bnon (?:è (?:visibile|presente|nell)|(?:lo |la )?(?:vedo|trovo|riesco|posso)|"
    r"si (?:vede|trova|vedono)|contiene|mostra|include|compare|esiste)",
    r"\bnessun[oa]? (?:\w+ ){1,4}(?:visibile|presente|trovat[oa])\b|"
    r"\A\W*nessun[oa]? (?!problema|dubbio)(?:\w+ ){0,2}\w+\W*\Z",
)
_PORTUGUESE = (
    r"\bnão (?:há|existe[m]?)(?! (?:problema|dúvida))\b",
    r"\bnão (?:est(?:á|ão)|(?:o |a )?(?:vejo|encontr\w+|consigo|posso)|se (?:vê|encontra)|"
    r"cont[éê]m|mostra|inclui|aparece|é visível|foi (?:possível|encontrad[oa]))",
    r"\bnenhuma? (?:\w+ ){1,4}(?:é visível|visível|presente|encontrad[oa])\b|"
    r"\A\W*nenhuma? (?!problema|dúvida)(?:\w+ ){0,2}\w+\W*\Z",
)
_EAST_ASIAN = (
    r"(?:は|が)?(?:ありません|見つかりません|見えません|写っていません|存在しません|見当たりません|"
    r"含まれていません|確認できません)|"
    r"(?:見当たら|見つから|見え|存在し|写ってい|映ってい)ない",
    r"없(?:습니다|어요|다|음|지만|고|으며|네요)|(?:찾을|볼|식별할) 수 없|(?:보이|존재하)지 않",
)
_RUSSIAN = (
    r"\b(?:на|в) \w+ нет\b|\bнет(?:\W*\Z|[,.;])|"
    r"\bне (?:вид\w+|вижу|нахожу|найден\w*|обнаружен\w*)\b|"
    r"\bне (?:могу|удалось|удаётся) (?:найти|увидеть|обнаружить)\b|\bотсутству\w+",
)
_OTHERS = (
    r"\ber (?:is|zijn|staat|staan|ligt) geen\b|\b(?:zie|vind|bevat|toont) geen\b|"
    r"\bniet (?:zichtbaar|te zien|gevonden|aanwezig|te vinden|vinden)\b|"
    r"\bgeen (?:\w+ ){1,4}(?:te zien|zichtbaar|gevonden|aanwezig)\b",
    r"\bnie (?:ma|widzę|widać|znaleziono|znalazłem|znalazłam|zawiera|mogę znaleźć)\b",
    r"\byok\b|bulunamadı|bulunmuyor|görünmüyor|göremiyorum|bulamadım",
    r"لا (?:يوجد|توجد|أرى|تحتوي|يظهر|تظهر)|غير (?:موجود|مرئي)|لم (?:يتم العثور|أجد)",
    r"नहीं (?:है|हैं|मिल|दिख)|\bkhông (?:có|thấy|tìm thấy|tồn tại)\b",
    r"\btidak (?:ada|ditemukan|terlihat|terdapat)\b",
)
_NO_DENIAL = (
    r"\bno (?:doubt|problem|need|worries|other|obstruction|occlusion|obstacle|ambiguity)\b"
    r"(?: \w+ (?:is|are))?(?: visible)?",
    r"\b(?:its|whose|their) (?:\w+ ){1,3}(?:is|are)(?:n't| not)\b(?: \w+)?",
    r"\bnot (?:fully|entirely|completely|clearly|wholly) (?:visible|shown|in)\b",
    r"\bas an ai\b.*",
    r"\b(?:find|see|locate|detect) any other\b",
    r"\b(?:нет|nie ma) (?:проблем|сомнений|problemu)\w*",
    r"\bnot (?:(?:in|on|at|the|only|just|visible|to|from) )+(?:\w+ ){0,4}?but\b",
)
"""What is left out before it is looked for denials."""

_BEGINS = re.compile(
    r"\W*(?:(?:unfortunately|sorry),? )?(?:there (?:is|are|was) (?:no|none)\b(?! doubt| other)|"
    r"there (?:isn't|aren't)|no such|not (?:found|visible|present|in the image))\b",
    re.IGNORECASE,
)
_RELATIVE = re.compile(r"\b(?:that|which|whose|who|with|without|where|while|but)\b", re.IGNORECASE)
_SUBSTITUTE = re.compile(
    r"\b(?:closest|nearest|next best|most similar) (?:match|alternative|candidate|one i)\b|"
    r"\b(?:closest|nearest|most similar) (?:object|item|thing) to an? |"
    r"\bmost similar (?:one )?is\b|\binstead\b|\brather than\b|"
    r"\bas an? (?:alternative|substitute)\b|"
    r"\b(?:can|could) only (?:find|see|locate|detect|identify) (?!one\b|an? (?:part|portion)\b|"
    r"part\b|its\b)|(?<!\bif )\b(?:this|that|it)(?:'s| is) not (?:an?|the|exactly|quite) |"
    r"\bonly an? (?!(?:\w+ )?(?:part|portion|piece|half|quarter|fraction|corner|edge|side)\b)"
    r"(?:\w+ ){1,3}(?:is|was) (?:visible|present|seen)\b|"
    r"\bnot an? (?:\w+ ){0,2}one\b|"
    r"\b(?:it|this|that|which) (?:does|do)(?: not|n't) (?:\w+ )?(?:match|fit)\b",
    re.IGNORECASE,
)
_SIMPLIFIED = str.maketrans("沒圖畫見無發現識別檢測並", "没图画见无发现识别检测并")
_MAX_CHARS = 400
_ASIDE = re.compile("|".join(_NO_DENIAL), re.IGNORECASE)
_NONE = re.compile(rf"\W*(?:{_NOTHING})\W*", re.IGNORECASE)
_LANGUAGES = (
    _ENGLISH, _CHINESE, _GERMAN, _FRENCH, _SPANISH, _ITALIAN, _PORTUGUESE, _EAST_ASIAN, _RUSSIAN,
    _OTHERS,
)  # fmt: skip
_DENIAL = re.compile("|".join(form for forms in _LANGUAGES for form in forms), re.IGNORECASE)


def is_nothing(text: str) -> bool:
    """Whether a few words as a whole say "none", "not found" or the like."""
    return len(text) <= _MAX_CHARS and any(
        _NONE.fullmatch(spelling) for spelling in _spellings(text)
    )


def says_absent(text: str) -> bool:
    """Whether words say that there is no such object."""
    text = text[:_MAX_CHARS]
    return is_nothing(text) or any(
        _DENIAL.search(_ASIDE.sub(" ", spelling)) for spelling in _spellings(text)
    )


def begins_as_denial(text: str) -> bool:
    """Whether a text begins with the lack of an object, and not with what hides a part of it."""
    return _BEGINS.match(text) is not None


def describes_absence(text: str) -> bool:
    """Whether a description says that there is no such object, and not what it lacks.

    >>> describes_absence("no mug is visible"), describes_absence("the mug that is not visible")
    (True, False)
    """
    if begins_as_denial(text):
        return True
    return says_absent(text) and not (is_nothing(text) or _RELATIVE.search(text))


def offers_another(text: str) -> bool:
    """Whether words say that they are about another object than the one that was asked for.

    >>> offers_another("I can only see a blue mug"), offers_another("the red mug, not the blue one")
    (True, False)
    """
    return _SUBSTITUTE.search(text[: 4 * _MAX_CHARS]) is not None


def _spellings(text: str) -> tuple[str, str]:
    """``text`` with words for "not_found", and the same with Chinese signs simplified."""
    text = text.replace("_", " ")
    return text, text.translate(_SIMPLIFIED)
