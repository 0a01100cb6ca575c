"""Words of negation that forbid nothing: ``the mug that is not red``, ``no rush``."""

from __future__ import annotations

import re

from ppcr_ros.core.reading.words import ADJECTIVES, DETERMINER, HANDLING, MANNER, NOUNS, one_of

_ADJECTIVE = one_of(ADJECTIVES)
HARMLESS = re.compile(
    r"\b(?:that|which|who) (?:is|are|does|do|has|was|looks?)(?: \w+)? not"
    r"(?! (?:to|be|for|allowed|permitted|supposed|meant|touch|yours|mine)\b)"
    rf"|\bnot (?:{DETERMINER} )?(?:(?!{HANDLING}\b|{DETERMINER}\b)[a-z]+ ){{1,2}}ones?\b"
    rf"|\b(?:is|are) not an? (?={one_of(NOUNS)}\b)"
    rf"|(?<!do )(?<!must )(?<!should )\bnot (?={_ADJECTIVE}\b)"
    r"|\bnot (?:too|so|very) \w+|\bwhy not\b|\bif not\b|\bnot sure\b|\bnot a problem\b"
    r"|\bif you (?:do not mind|would not mind)\b|\bwould you not mind\b"
    r"|\b(?:why do|why|can|could|would|will) not you\b"
    r"|\bi (?:do|can|could|did|am|will|would) not (?:care|know|mind|think|suppose|remember|wait|"
    r"really|sure|certain)\b(?!(?: (?:that|if|whether))?(?: (?:i|you|we|it|really))? "
    r"(?:want|need|should|would|ought|for|asking|like)\b)"
    r"|\bno (?:matter|problem|rush|hurry|worries|doubt|need|pressure|kidding|offence|offense|"
    r"idea|time|big deal|less|later|sooner|wonder)\b(?! (?:to|for) (?!hurry|rush|worry|panic|wait))"
    r"|(?:^|(?<=[,.;:!?] )|(?<=\bno ))no(?=$|[,.;:!?]| (?:no|wait|sorry|i|robot|please|actually|"
    rf"only|just|it is|{DETERMINER})\b)"
    r"|\bi do not (?:mean|want) to (?:be|bother|trouble|disturb|interrupt|rush|hurry|nag)\b"
    r"(?! (?:the|that|my)\b)|\bif it is (?:no|not) [a-z ]*(?:trouble|bother|hassle|problem)\b"
    r"|\bnot least\b|\bnothing (?:else|more|special)\b|\bno ?(?:one|body) else\b"
    rf"|\bwithout (?:haste|delay|rush|hurry|further|hesitation|looking|{MANNER}\w*ing|spilling|"
    r"dropping|breaking|waiting)\b|\bwithout (?:a|an|any|the)? ?(?:\w+ )?(?:handle|cap|lid|rim)\b"
    r"|\bkeep (?:calm|going|in mind|it up|up)\b|\bleave me (?=the|that|this|a)\b"
    r"|\bmind if (?:i|we)\b|\bstop and\b|\bnever ?mind(?=[,.;:!?]|$)"
    r"|\bi (?:can|could) not (?:reach|find|see|open|get|lift|carry|hold|get at)\b"
    r"|\bi (?:do|did) not (?:see|have)\b|\bi (?:have|had) (?:not got|no)\b"
    r"|\b(?:is|are) not there\b|\b(?:did|have|has) not (?:you|i|we)\b"
    rf"|\bdo not forget(?: to)?(?= {HANDLING}\b| {DETERMINER}\b)"
    r"|\bdo not (?:worry|be (?:shy|afraid)|hesitate|rush|hurry|panic)\b"
    rf"(?=[^,.;]* {HANDLING} (?:me )?{DETERMINER}\b)"
    r"|\bwith no \w+|\b(?:that|which) (?:has|have) no \w+"
    rf"|\b(?:that|which) (?!do not {HANDLING}\b)(?:will|does|do|did|can|could|has|have) not (?=\w)"
    r"(?!be\b|to\b|you\b|have to\b)"
    r"|\b(?:(?:that|which) )?(?:nobody|no one|i|we|he|she|they) "
    r"(?:never |(?:do|does|did|have|has) not )?(?:use|uses|used|opened|finished|drank|ate)\b"
    r"|\b(?:that|which) is (?:mine|taken|private)\b"
    r"|\bback (?:to )?where (?:it|they) (?:is|are|was|were|belongs?|came from)\b"
    r"|\b(?:be careful|careful|watch out|take care|mind (?:your|the) (?:step|fingers?|gap|mess))"
    r"(?=(?: please)?$)"
)
