"""The node goes over to smaller models where memory runs out, and says so."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (rclpy)")
pytest.importorskip("ppcr_ros.msg", reason="needs the built messages (make build)")

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.parameter import Parameter

from ppcr_ros.core.config import Config
from ppcr_ros.core.errors import ConfigError, OutOfMemoryError
from ppcr_ros.core.pipeline import PPCRPipeline
from ppcr_ros.core.types import Frame
from ppcr_ros.msg import ReferringSegmentation
from ppcr_ros.ros import conversions
from ppcr_ros.service.fallback import fallback_of

RESULT, DIAGNOSTICS = "/ppcr/result", "/diagnostics"
FULL = "the MLLM ran out of memory: tried to allocate 20 GiB."
BIG = {"mllm__model": "/models/big", "node__max_image_age_sec": 120.0}
SMALL = "/models/small"


@pytest.fixture
def small(tmp_path: Path) -> str:
    """A parameter file that names smaller models."""
    path = tmp_path / "small.yaml"
    path.write_text(
        "/**:\n  ros__parameters:\n"
        f"    mllm: {{model: {SMALL}, max_new_tokens_semantic: 7}}\n"
        "    pipeline: {score_calibration: none, min_confidence: 0.9}\n"
        "    node: {use_depth: true}\n",
        encoding="utf-8",
    )
    return str(path)


class Models:
    """A factory of scripted pipelines, some of which do not fit into memory."""

    def __init__(self, scripted: Any) -> None:
        self.scripted = scripted
        self.configs: list[Config] = []
        self.too_big_to_load: set[str] = set()
        self.too_big_to_run: set[str] = set()
        self.error: Exception = OutOfMemoryError(FULL)
        self.threads: list[str] = []
        self.closed: list[str] = []
        self.may_load = threading.Event()
        self.may_load.set()

    def build(self, config: Config) -> PPCRPipeline:
        name = config.mllm.model
        self.configs.append(config)
        self.threads.append(threading.current_thread().name)
        if name in self.too_big_to_load:
            raise self.error
        assert self.may_load.wait(180)
        pipeline = PPCRPipeline(self.scripted.mllm, Segmenter(self, name), config)
        pipeline.models = type(pipeline.models)(mllm=name, segmenter="scripted")
        close = pipeline.close

        def noted() -> None:
            self.closed.append(name)
            close()

        pipeline.close = noted  # type: ignore[method-assign]
        return pipeline


class Segmenter:
    """The scripted one, out of memory where its model is too big."""

    def __init__(self, models: Models, model: str) -> None:
        self._models, self._model = models, model
        self._scripted = models.scripted.segmenter
        self.name = "scripted"

    def encode(self, frame: Frame) -> Any:
        if self._model in self._models.too_big_to_run:
            raise self._models.error
        return self._scripted.encode(frame)

    def segment(self, *arguments: Any) -> Any:
        return self._scripted.segment(*arguments)


@pytest.fixture
def models(scripted: Any) -> Models:
    return Models(scripted)


@pytest.fixture
def start(bench: Any, models: Models) -> Callable[..., Any]:
    """Starts the node with big models and the given parameters."""

    def starting(*, activate: bool = True, **values: Any) -> Any:
        bench.scripted.build = models.build
        node = bench.start(activate=False, **(BIG | values))
        bench.listen(DiagnosticArray, DIAGNOSTICS)
        if activate:
            assert node.start()
            bench.listen(ReferringSegmentation, RESULT)
            show(bench)
        return node

    return starting


def show(bench: Any) -> None:
    header = conversions.make_header(5, "camera")
    bench.show(conversions.rgb_to_image(np.zeros((48, 64, 3), np.uint8), header))


def diagnosed(bench: Any, level: bytes) -> dict[str, str]:
    """The values and the message of the first status of ``level`` from now on."""
    seen = bench.count(DIAGNOSTICS)

    def found() -> Any:
        statuses = [item.status[0] for item in bench.wait(DIAGNOSTICS, 0)[seen:]]
        return next((status for status in statuses if status.level == level), None)

    bench.until(lambda: found() is not None, f"diagnostics of level {level!r}")
    status = found()
    return {"message": status.message} | {item.key: item.value for item in status.values}


@pytest.mark.parametrize("where", ["load", "first run"])
@pytest.mark.parametrize("error", [OutOfMemoryError(FULL), MemoryError(FULL)], ids=["named", "own"])
def test_models_that_do_not_fit_at_configure_give_way_to_the_smaller_ones(
    bench: Any,
    models: Models,
    start: Callable[..., Any],
    small: str,
    where: str,
    error: Exception,
    capfd: pytest.CaptureFixture[str],
) -> None:
    getattr(models, "too_big_to_load" if where == "load" else "too_big_to_run").add("/models/big")
    models.error = error
    start(node__fallback_config=small)
    log = capfd.readouterr().err
    assert f"{FULL} Loading the models of node.fallback_config instead." in log
    result = bench.answer()
    assert (result.status, result.mllm_model) == (ReferringSegmentation.OK, SMALL)
    assert (
        "memory ran out: going on with /models/small"
        in diagnosed(bench, DiagnosticStatus.WARN)["message"]
    )
    assert models.closed == ([] if where == "load" else ["/models/big"])


def test_with_memory_again_configuring_brings_the_models_that_are_wanted(
    bench: Any, models: Models, start: Callable[..., Any], small: str
) -> None:
    models.too_big_to_load.add("/models/big")
    node = start(node__fallback_config=small)
    told = diagnosed(bench, DiagnosticStatus.WARN)["finding 1 (WARN)"]
    assert "close what else uses the memory; then configure the node again" in told
    models.too_big_to_load.clear()
    assert node.trigger_deactivate().name == "SUCCESS"
    assert node.trigger_cleanup().name == "SUCCESS"
    assert node.start()
    show(bench)
    result = bench.answer()
    assert (result.status, result.mllm_model) == (ReferringSegmentation.OK, "/models/big")


def test_only_the_models_come_from_the_fallbacks_file(
    models: Models, start: Callable[..., Any], small: str
) -> None:
    models.too_big_to_load.add("/models/big")
    node = start(node__fallback_config=small, pipeline__min_confidence=0.1)
    big, used = models.configs
    assert big.mllm.model == "/models/big"
    assert (used.mllm.model, used.mllm.max_new_tokens_semantic) == (SMALL, 7)
    assert used.pipeline.score_calibration == "none"
    assert used.pipeline.min_confidence == 0.1
    assert not used.node.use_depth
    assert node.cameras[""].topics == ["/image", "/camera_info"]


def test_without_a_fallback_the_node_is_not_configured_and_says_what_to_do(
    bench: Any, models: Models, start: Callable[..., Any]
) -> None:
    models.too_big_to_load.add("/models/big")
    node = start(activate=False)
    assert not node.start()
    assert FULL in diagnosed(bench, DiagnosticStatus.ERROR)["message"]
    models.too_big_to_load.clear()
    assert node.start()


def test_a_fallback_that_does_not_fit_either_fails_with_both_reasons(
    bench: Any, models: Models, start: Callable[..., Any], small: str
) -> None:
    models.too_big_to_load |= {"/models/big", SMALL}
    node = start(activate=False, node__fallback_config=small)
    assert not node.start()
    message = diagnosed(bench, DiagnosticStatus.ERROR)["message"]
    assert "those of node.fallback_config cannot be loaded" in message
    models.too_big_to_load.clear()
    assert node.start()


def test_memory_that_runs_out_in_a_run_changes_the_models_for_those_that_follow(
    bench: Any, models: Models, start: Callable[..., Any], small: str
) -> None:
    start(node__fallback_config=small)
    models.too_big_to_run.add("/models/big")
    models.may_load.clear()
    first = bench.answer()
    assert (first.status, first.mllm_model) == (ReferringSegmentation.ERROR, "/models/big")
    going_over = "The node goes over to the models of node.fallback_config now: say it again."
    assert first.message == f"{FULL} {going_over}"
    assert first.mask.width == 0
    warned = diagnosed(bench, DiagnosticStatus.WARN)["message"]  # the executor goes on meanwhile
    assert warned.startswith("going over to the models of node.fallback_config; memory ran out")
    assert models.closed == ["/models/big"]  # freed before the others load
    models.may_load.set()
    second = bench.answer("the red cup", 2)
    assert (second.status, second.mllm_model) == (ReferringSegmentation.OK, SMALL)
    assert models.threads[1] == "ppcr-worker"
    values = diagnosed(bench, DiagnosticStatus.WARN)
    assert (values["mllm"], values["last status"]) == (SMALL, "OK")
    assert "memory ran out" in values["finding 1 (WARN)"]


def test_memory_that_runs_out_while_an_image_is_read_ahead_is_left_to_the_command(
    bench: Any, models: Models, start: Callable[..., Any], small: str
) -> None:
    """Nobody has asked for anything yet that could fail; nor has anybody while no models fit."""
    node = start(node__fallback_config=small)
    models.too_big_to_run.add("/models/big")
    (outcome,) = node.set_parameters([Parameter("node.read_ahead_max_rate_hz", value=60.0)])
    assert outcome.successful
    bench.until(lambda: bench.scripted.mllm.read, "an image that is read ahead")
    assert models.closed == []
    models.too_big_to_load.add(SMALL)
    for count, message in ((1, FULL), (2, "there are no models")):
        result = bench.answer(count=count)
        assert result.status == ReferringSegmentation.ERROR
        assert message in result.message
        show(bench)
    assert models.closed == ["/models/big"]


def test_a_run_that_does_not_fit_is_an_error_where_there_is_no_fallback(
    bench: Any, models: Models, start: Callable[..., Any]
) -> None:
    start()
    models.too_big_to_run.add("/models/big")
    first = bench.answer()
    assert (first.status, first.message) == (ReferringSegmentation.ERROR, FULL)
    models.too_big_to_run.clear()
    assert bench.answer(count=2).status == ReferringSegmentation.OK
    assert models.closed == []


def test_the_smaller_models_have_no_fallback_of_their_own(
    bench: Any, models: Models, start: Callable[..., Any], small: str
) -> None:
    models.too_big_to_load.add("/models/big")
    start(node__fallback_config=small)
    models.too_big_to_run.add(SMALL)
    first = bench.answer()
    assert (first.status, first.message) == (ReferringSegmentation.ERROR, FULL)
    models.too_big_to_run.clear()
    assert bench.answer(count=2).status == ReferringSegmentation.OK
    assert len(models.configs) == 2


def test_where_the_fallback_cannot_be_loaded_commands_say_so_and_configure_helps(
    bench: Any, models: Models, start: Callable[..., Any], small: str
) -> None:
    node = start(node__fallback_config=small)
    models.too_big_to_run.add("/models/big")
    models.too_big_to_load.add(SMALL)
    bench.answer()
    second = bench.answer("the red cup", 2)
    assert second.status == ReferringSegmentation.ERROR
    assert second.message == (
        f"there are no models: {FULL} And those of node.fallback_config cannot be loaded: {FULL} "
        "Clean the node up and configure it with smaller models."
    )
    assert second.message.rstrip(".") in diagnosed(bench, DiagnosticStatus.ERROR)["message"]
    models.too_big_to_run.clear()
    assert node.trigger_deactivate().name == "SUCCESS"
    assert node.trigger_cleanup().name == "SUCCESS"
    assert node.start()
    show(bench)
    third = bench.answer("the red can", 3)
    assert (third.status, third.mllm_model) == (ReferringSegmentation.OK, "/models/big")


def test_options_that_change_reach_the_smaller_models(
    bench: Any, models: Models, start: Callable[..., Any], small: str
) -> None:
    models.too_big_to_load.add("/models/big")
    node = start(node__fallback_config=small)
    (outcome,) = node.set_parameters([Parameter("pipeline.min_confidence", value=1.0)])
    assert outcome.successful
    assert bench.answer().status == ReferringSegmentation.LOW_CONFIDENCE
    assert node.pipeline.loaded.configuration.current.mllm.model == SMALL


def test_a_fallback_that_cannot_be_read_is_told_before_anything_is_loaded(
    bench: Any, models: Models, start: Callable[..., Any]
) -> None:
    node = start(activate=False, node__fallback_config="/no/such.yaml")
    assert not node.start()
    assert models.configs == []
    message = diagnosed(bench, DiagnosticStatus.ERROR)["message"]
    assert "node.fallback_config: there is no parameter file /no/such.yaml; expected" in message


@pytest.mark.parametrize("name", ["smolvlm_sam2", "smolvlm_sam2.yaml"])
def test_a_shipped_file_is_known_by_its_name(name: str) -> None:
    found = fallback_of(config(name))
    assert found is not None
    assert (found.mllm.family, found.segmenter.family) == ("idefics3", "sam2")


def test_embedded_and_none_are_names_too() -> None:
    assert fallback_of(config("embedded")) == Config()
    assert fallback_of(config("")) is None
    with pytest.raises(ConfigError, match=r"or one of .*smolvlm_sam2"):
        fallback_of(config("tiny"))


def config(fallback: str) -> Config:
    from dataclasses import replace

    return replace(Config(), node=replace(Config().node, fallback_config=fallback))
