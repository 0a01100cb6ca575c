"""How models say in words that an object is not in the image, in the languages of their users."""

from __future__ import annotations

import re

_NOTHING = (
    r"none|null|nil|nothing|no|nope|n/a|not (?:found|visible|present|there|available|applicable)|"
    r"absent|missing|invisible|false|"
    r"(?:no such|no) (?:object|thing|item|target|match|box|bounding box)(?: \w+)?|"
    r"(?:object|item|target) (?:is )?not \w+|"
    r"无|没有|没|不存在|未找到|不可见|不在图中|看不见|看不到|找不到|なし|ありません|нет|"
    r"nein|nichts|kein(?:e[nmrs]?)?|nicht (?:vorhanden|sichtbar|gefunden|erkennbar|zu sehen)|"
    r"non|rien|aucune?|pas (?:visible|présente?|trouvée?)|introuvable|"
    r"nada|ningun[oa]?|no (?:encontrad[oa]|visible|presente|está)|"
    r"nessun[oa]?|niente|nulla|non (?:trovat[oa]|visibile|presente)|"
    r"não|nenhuma?|não (?:encontrad[oa]|visível|presente|está)"
)
_ENGLISH = (
    r"\b(?:is|are)(?:n't| not| no longer) (?:\w+ ){0,2}"
    r"(?:visible|present|in|on|found|there|shown)\b",
    r"\bthere (?:is|are|was) no\b|\bthere(?:'s| isn't| aren't)(?: no| any| an?)\b|\bno such\b",
    r"\bnot visible\b",
    r"\b(?:can(?:not|'t)|could(?: not|n't)|unable to|do(?: not|n't)|did(?: not|n't)) "
    r"(?:see|find|locate|detect|identify)\b",
    r"\b(?:do|does|did)(?: not|n't) (?:seem to |appear to )?"
    r"(?:contain|show|include|have|depict|appear|exist)\b",
    r"\b(?:contains|shows|has|have|includes|see|found) no\b",
    r"\bno (?:\w+ ){1,5}(?:is|are|was|were|can be|could be) "
    r"(?:visible|present|found|seen|shown|detected|there|in)\b",
    r"\b(?:object|item|target|nothing) (?:was )?(?:not )?found\b",
)
_CHINESE = (
    r"没有(?!问题|疑问|错)|不存在|不包含|不可见|不在(?:图|画面|视野)|未(?:找到|发现|检测|见|出现)|"
    r"(?:找|看|见)不[到见]|无法(?:找到|看到|识别|定位)|并无|"
    r"(?:图像|图片|图|画面|照片)(?:中|里|内)无",
)
_GERMAN = (
    r"\bnicht (?:\w+ ){0,3}(?:sichtbar|vorhanden|zu (?:sehen|finden)|gefunden|erkennbar|finden|"
    r"sehen|erkennen|(?:auf dem|im) Bild)\b",
    r"\b(?:ist|sind|gibt(?: es)?|enthält|zeigt|kann(?: ich)?|sehe(?: ich)?|finde(?: ich)?|"
    r"erkenne(?: ich)?) (?:\w+ ){0,3}kein(?:e[nmrs]?)?\b",
    r"\bkein(?:e[nmrs]?)? (?:[\w-]+ ){1,5}"
    r"(?:sichtbar|vorhanden|zu sehen|gefunden|erkennbar|im Bild)\b",
)
_FRENCH = (
    r"\bil n'y a (?:pas|aucun)",
    r"\bn'(?:est|apparaît|existe|apparait) (?:pas|plus)\b",
    r"\b(?:ne|n')\s?(?:vois|voit|trouve|trouvons|contient|montre|comporte|figure|détecte|"
    r"distingue|peux|peut|parviens)\b",
    r"\baucune? (?:\w+ ){1,4}(?:n'est|n'a|trouvée?|visible|présente?|détectée?)\b",
)
_SPANISH = (
    r"\bno (?:hay|existe[n]?)(?! (?:problema|duda|de qué))\b",
    r"\bno (?:se (?:ve|encuentra|observa|aprecia|detecta)n?|está|es visible|aparecen?|"
    r"(?:lo |la )?(?:veo|encuentro|puedo|pude|logro)|contiene|muestra|incluye|encontré)\b",
    r"\bningun[oa]? (?:\w+ ){1,4}(?:visible|presente|encontrad[oa])\b",
)
_ITALIAN = (
    r"\bnon (?:c'è|ci sono)(?! (?:problem|dubbi))",
    r"\bnon (?:è (?:visibile|presente|nell)|(?:lo |la )?(?:vedo|trovo|riesco|posso)|"
    r"si (?:vede|trova|vedono)|contiene|mostra|include|compare|esiste)",
    r"\bnessun[oa]? (?:\w+ ){1,4}(?:visibile|presente|trovat[oa])\b",
)
_PORTUGUESE = (
    r"\bnão (?:há|existe[m]?)(?! (?:problema|dúvida))\b",
    r"\bnão (?:est(?:á|ão)|(?:o |a )?(?:vejo|encontr\w+|consigo|posso)|se (?:vê|encontra)|"
    r"cont[éê]m|mostra|inclui|aparece|é visível|foi (?:possível|encontrad[oa]))",
    r"\bnenhuma? (?:\w+ ){1,4}(?:é visível|visível|presente|encontrad[oa])\b",
)
_OTHERS = (
    r"(?:は|が)?(?:ありません|見つかりません|見えません|写っていません|存在しません)",
    r"\b(?:на|в) \w+ нет\b|\b[\u043d][\u0435] (?:вид\w+|найден\w*|обнаружен\w*)\b",
)
_NO_DENIAL = (
    r"\bno (?:doubt|problem|need|worries)\b",
    r"\bnot (?:(?:in|on|at|the|only|just|visible|to|from) )+(?:\w+ ){0,4}?but\b",
)
"""What is left out before it is looked for denials."""

_ASIDE = re.compile("|".join(_NO_DENIAL), re.IGNORECASE)
_NONE = re.compile(rf"\W*(?:{_NOTHING})\W*", re.IGNORECASE)
_DENIAL = re.compile(
    "|".join(
        (*_ENGLISH, *_CHINESE, *_GERMAN, *_FRENCH, *_SPANISH, *_ITALIAN, *_PORTUGUESE, *_OTHERS)
    ),
    re.IGNORECASE,
)


def is_nothing(text: str) -> bool:
    """Whether a few words as a whole say "none", "not found" or the like."""
    return _NONE.fullmatch(text) is not None


def says_absent(text: str) -> bool:
    """Whether words say that there is no such object."""
    return is_nothing(text) or _DENIAL.search(_ASIDE.sub(" ", text)) is not None
