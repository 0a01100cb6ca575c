"""Pulls from a hub that answers as no hub should: each ends in an error by name, soon, and nothing
is written outside of the cache, or there longer than it was listed to be.
"""

from __future__ import annotations

import os
import random
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any
from unittest import mock

from ppcr_lab.robustness.outcome import FaultOutcome, Plan
from ppcr_lab.robustness.strange_hub import COMMIT, MODEL, SIZE, StrangeHub
from ppcr_ros.weights import download, transfer
from ppcr_ros.weights.errors import PullError

_BOUND_SEC = 20.0
_BOUNDS: dict[str, Any] = {
    "PAUSE_SEC": 0.0,
    "SLOW_SEC": 0.3,
    "HEAD_SEC": 3.0,
    "LONGEST_WAIT_SEC": 1.0,
}
"""Those of the product, made short: what is seen is that they hold."""


def run(plan: Plan) -> FaultOutcome:
    outcome, rng = FaultOutcome("strange_hubs"), random.Random(plan.seed)
    ends: Counter[str] = Counter()
    slowest_sec = 0.0
    with tempfile.TemporaryDirectory() as name, StrangeHub(rng) as hub:
        cache = Path(name) / "a" / "b" / "cache"
        with (
            mock.patch.multiple(transfer, **_BOUNDS),
            mock.patch.dict(os.environ, {"HF_ENDPOINT": hub.url, "NO_PROXY": "127.0.0.1"}),
        ):
            for number in range(plan.of(600, 40)):
                outcome.tried += 1
                begun = time.monotonic()
                try:
                    download.pull(MODEL, ("main", COMMIT)[number % 2], cache=cache,
                                  allow_unpinned=True)  # fmt: skip
                    ends["a model of zeros was believed"] += 1
                except PullError as error:
                    ends["refused by name"] += 1
                    outcome.unanswered += not str(error).strip()
                except Exception:  # noqa: BLE001 - what is looked for
                    outcome.crashed += 1
                    print(traceback.format_exc(limit=-4))
                slowest_sec = max(slowest_sec, time.monotonic() - begun)
        files = [path for path in Path(name).rglob("*") if path.is_file()]
        outside = [path for path in files if not path.is_relative_to(cache)]
        longest = max((path.stat().st_size for path in files), default=0)
    outcome.expect(not outside, f"written outside of the cache: {outside[:3]}")
    outcome.expect(longest <= SIZE, f"a file of {longest} bytes, listed with {SIZE}")
    outcome.expect(not ends["a model of zeros was believed"], "content of another checksum stayed")
    outcome.expect(slowest_sec < _BOUND_SEC, f"one took {slowest_sec:.0f} s")
    outcome.figures |= {"ends": dict(ends), "requests that the hub had": hub.requests,
                        "slowest, sec": round(slowest_sec, 1)}  # fmt: skip
    return outcome
