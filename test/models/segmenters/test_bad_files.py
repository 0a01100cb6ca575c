"""Messages where weights are missing, broken, dangerous or of another architecture."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ppcr_ros.core.config import SegmenterConfig
from ppcr_ros.core.errors import ModelLoadError
from ppcr_ros.models import segmenters

TRANSFORMERS_FAMILIES = ("sam", "sam2", "sam3")


def _load(family: str, model: Path | str, **options: Any) -> Any:
    config = SegmenterConfig(family=family, model=str(model), device="cpu", **options)
    return segmenters.load(config, offline=True)


class _Code:
    """A pickle of this creates a file when it is loaded without care."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.touch, (self.path,)


@pytest.fixture
def tiny_checkpoint(tmp_path: Path, sam_folder: Path) -> Path:
    """A ``.pth`` file of an architecture that was never published."""
    import torch

    from ppcr_ros.models.segmenters.sam_architecture import load_sam

    path = tmp_path / "sam_vit_b_tiny.pth"
    torch.save(load_sam(sam_folder).state_dict(), path)
    return path


@pytest.fixture
def checkpoint(
    tiny_checkpoint: Path, tiny_architecture: Any, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A good ``.pth`` file of the variant vit_b, whose architecture is tiny here."""
    from ppcr_ros.models.segmenters import sam_architecture

    monkeypatch.setitem(sam_architecture.VARIANTS, "vit_b", tiny_architecture)
    return tiny_checkpoint


def test_a_checkpoint_loads_as_its_folder_does(checkpoint: Path, sam_folder: Path) -> None:
    import torch

    ours, theirs = _load("segment_anything", checkpoint), _load("segment_anything", sam_folder)
    for name, tensor in theirs.network.state_dict().items():
        assert torch.equal(ours.network.state_dict()[name], tensor)


def test_missing_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(
        ModelLoadError, match=r"no checkpoint file .*none.pth; expected a sam_vit_l"
    ):
        _load("segment_anything", tmp_path / "none.pth", variant="vit_l")


def test_hub_name_with_the_family_that_never_downloads() -> None:
    with pytest.raises(ModelLoadError, match=r"for a hub name set segmenter.family to sam"):
        _load("segment_anything", "facebook/sam-vit-base")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
@pytest.mark.parametrize("zipped", [True, False])
def test_truncated_checkpoint(share: float, zipped: bool, checkpoint: Path) -> None:
    import torch

    tensors = torch.load(checkpoint, weights_only=True)
    torch.save(tensors, checkpoint, _use_new_zipfile_serialization=zipped)
    content = checkpoint.read_bytes()
    checkpoint.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ModelLoadError, match=r"Download it again") as raised:
        _load("segment_anything", checkpoint)
    assert str(checkpoint) in str(raised.value)


@pytest.mark.parametrize(
    "content", [b"<!DOCTYPE html><html>404</html>", b"version https://git-lfs.github.com/spec/v1\n"]
)
def test_something_else_under_the_name_of_a_checkpoint(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "sam_vit_b.pth"
    path.write_bytes(content)
    with pytest.raises(ModelLoadError, match=r"is no PyTorch checkpoint .*Git LFS pointer"):
        _load("segment_anything", path)


@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_checkpoint_is_refused_and_not_run(zipped: bool, tmp_path: Path) -> None:
    import torch

    path, trace = tmp_path / "evil.pth", tmp_path / "trace"
    torch.save({"weight": _Code(trace)}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(ModelLoadError, match=r"which is program code; .* It was not run"):
        _load("segment_anything", path)
    assert not trace.exists()


def test_a_plain_pickle_is_refused_and_not_run(tmp_path: Path) -> None:
    path, trace = tmp_path / "evil.pth", tmp_path / "trace"
    path.write_bytes(pickle.dumps({"weight": _Code(trace)}))
    with pytest.raises(ModelLoadError):
        _load("segment_anything", path)
    assert not trace.exists()


def test_checkpoint_of_another_variant(tmp_path: Path) -> None:
    import torch

    path = tmp_path / "sam_vit_l_0b3195.pth"
    torch.save({"image_encoder.pos_embed": torch.zeros(1, 1, 1, 1024)}, path)
    with pytest.raises(ModelLoadError, match=r"is a vit_l; expected vit_b. Set segmenter.variant"):
        _load("segment_anything", path)


def test_checkpoint_of_another_architecture(tiny_checkpoint: Path) -> None:
    expected = r"of another architecture than segment-anything's vit_h: .* has the shape"
    with pytest.raises(ModelLoadError, match=expected):
        _load("segment_anything", tiny_checkpoint, variant="vit_h")


def test_checkpoint_that_holds_something_else(tmp_path: Path) -> None:
    import torch

    path = tmp_path / "sam.pth"
    torch.save([torch.zeros(3)], path)
    with pytest.raises(ModelLoadError, match=r"holds a list; expected the state_dict"):
        _load("segment_anything", path)
    torch.save({"model": {"a": torch.zeros(3)}, "epoch": 3}, path)
    with pytest.raises(ModelLoadError, match=r"holds model, epoch; expected tensors by name"):
        _load("segment_anything", path)


def test_folder_without_config(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match=r"cannot read .*config.json"):
        _load("segment_anything", tmp_path)


@pytest.mark.parametrize("family", ["segment_anything", *TRANSFORMERS_FAMILIES])
def test_truncated_safetensors(
    family: str, family_folders: dict[str, Path], tmp_path: Path
) -> None:
    folder = shutil.copytree(family_folders[family], tmp_path / "copy")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(ModelLoadError, match=r"model.safetensors.*truncated"):
        _load(family, folder)


@pytest.mark.parametrize("family", ["segment_anything", *TRANSFORMERS_FAMILIES])
def test_missing_weights(family: str, family_folders: dict[str, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(family_folders[family], tmp_path / "copy")
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelLoadError, match=r"model.safetensors"):
        _load(family, folder)


def test_missing_embedded_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ppcr_ros.models import loading

    monkeypatch.setattr(loading, "EMBEDDED_FOLDER", tmp_path)
    with pytest.raises(ModelLoadError, match="the embedded model is missing"):
        _load("segment_anything", "embedded")


def test_embedded_model_is_a_folder_of_save_sam(
    sam_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ppcr_ros.models import loading

    shutil.copytree(sam_folder, tmp_path / "segmenter")
    monkeypatch.setattr(loading, "EMBEDDED_FOLDER", tmp_path)
    assert _load("segment_anything", "embedded").name == "embedded"
    with pytest.raises(ModelLoadError, match=r"type 'segment_anything'; segmenter.family sam exp"):
        _load("sam", "embedded")


@pytest.mark.parametrize("family", TRANSFORMERS_FAMILIES)
def test_checkpoint_of_another_family(family: str, family_folders: dict[str, Path]) -> None:
    other = "sam" if family != "sam" else "sam2"
    expected = rf"holds a model of type '{other}'; segmenter.family {family} expects {family}"
    with pytest.raises(ModelLoadError, match=expected):
        _load(family, family_folders[other])


def test_folder_of_transformers_with_family_segment_anything(sam2_folder: Path) -> None:
    with pytest.raises(ModelLoadError, match=r"is loaded with segmenter.family sam, sam2 or sam3"):
        _load("segment_anything", sam2_folder)


@pytest.mark.parametrize("family", TRANSFORMERS_FAMILIES)
def test_weights_that_lack_a_tensor(
    family: str, family_folders: dict[str, Path], tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(family_folders[family], tmp_path / "copy")
    tensors = load_file(folder / "model.safetensors")
    gone = next(name for name in tensors if name.startswith("mask_decoder."))
    del tensors[gone]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(
        ModelLoadError, match=r"do not fit its architecture: 1 missing keys"
    ) as seen:
        _load(family, folder)
    assert gone in str(seen.value)


@pytest.mark.parametrize("family", TRANSFORMERS_FAMILIES)
def test_config_of_other_sizes(
    family: str, family_folders: dict[str, Path], tmp_path: Path
) -> None:
    folder = shutil.copytree(family_folders[family], tmp_path / "copy")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config["mask_decoder_config"]["hidden_size"] = 64
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(ModelLoadError):
        _load(family, folder)


@pytest.mark.parametrize("family", TRANSFORMERS_FAMILIES)
def test_missing_processor(family: str, family_folders: dict[str, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(family_folders[family], tmp_path / "copy")
    for name in ("preprocessor_config.json", "processor_config.json"):
        (folder / name).unlink(missing_ok=True)
    with pytest.raises(ModelLoadError, match=r"the image processor in .* cannot be loaded"):
        _load(family, folder)


def test_pickled_weights_of_transformers_are_not_touched(sam2_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(sam2_folder, tmp_path / "copy")
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(_Code(tmp_path / "trace")))
    with pytest.raises(ModelLoadError, match=r"pytorch_model.bin, which can run code"):
        _load("sam2", folder)
    assert not (tmp_path / "trace").exists()


def test_hub_model_that_is_not_cached_while_offline() -> None:
    with pytest.raises(ModelLoadError, match=r"not in the local cache, .*pipeline.offline"):
        _load("sam2", "nobody-at-all/no-such-model", revision="abc123")
