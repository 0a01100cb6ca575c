"""torchvision is importable afterwards, whatever its compiled library is like."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("safetensors", reason="safetensors is not installed")


def _run(script: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr


def test_torchvision_and_segment_anything_import_in_a_fresh_process() -> None:
    import importlib.util

    if importlib.util.find_spec("segment_anything") is None:
        pytest.skip("segment_anything is not installed")
    _run("""
        from ppcr_ros.models.torchvision_schemas import make_torchvision_importable
        make_torchvision_importable()
        make_torchvision_importable()
        import segment_anything, torchvision
        from torchvision.transforms.functional import resize
    """)


def test_nothing_is_declared_where_the_operators_are_there() -> None:
    _run("""
        import torch
        own = torch.library.Library("torchvision", "DEF")
        own.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        from ppcr_ros.models import torchvision_schemas
        torchvision_schemas.make_torchvision_importable()
        assert torchvision_schemas._library is None
        assert not torchvision_schemas.has_torchvision_operators()
    """)


def test_nothing_happens_without_torchvision() -> None:
    _run("""
        import importlib.util
        real = importlib.util.find_spec
        importlib.util.find_spec = lambda name, *more: (
            None if name == "torchvision" else real(name, *more)
        )
        from ppcr_ros.models import torchvision_schemas
        torchvision_schemas.make_torchvision_importable()
        assert torchvision_schemas._library is None
    """)
