"""How models say in words that an object is not in the image, in the languages of their users."""

from __future__ import annotations

import re

_WHOLE = (
    r"^\W*(?:none|null|nothing|no|n/a|not (?:found|visible|present|there|available)|absent|"
    r"no such object|not applicable)\W*$"
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
)
_CHINESE = (
    r"没有|不存在|不包含|未(?:找到|发现|检测|见)|(?:找|看|见)不到|无法(?:找到|看到|识别|定位)|并无",
)
_GERMAN = (
    r"\bnicht (?:\w+ ){0,3}(?:sichtbar|vorhanden|zu (?:sehen|finden)|gefunden|erkennbar|finden|"
    r"sehen|erkennen|(?:auf dem|im) Bild)\b",
    r"\b(?:ist|sind|gibt(?: es)?|enthält|zeigt|sehe(?: ich)?|finde(?: ich)?) (?:\w+ ){0,3}"
    r"kein(?:e[nmrs]?)?\b",
    r"\bkein(?:e[nmrs]?)? (?:[\w-]+ ){1,5}"
    r"(?:sichtbar|vorhanden|zu sehen|gefunden|erkennbar|im Bild)\b",
)
_OTHERS = (
    r"\bil n'y a (?:pas|aucun)|\bn'(?:est|apparaît) pas\b|\baucun(?:e)? (?:\w+ ){1,4}n'est\b",
    r"\bno hay\b|\bno (?:se (?:ve|encuentra|observa)|está)\b",
    r"\bnon c'è\b|\bnon è (?:visibile|presente)\b|\bnão (?:há|está)\b",
)

DENIAL = re.compile("|".join((_WHOLE, *_ENGLISH, *_CHINESE, *_GERMAN, *_OTHERS)), re.IGNORECASE)
