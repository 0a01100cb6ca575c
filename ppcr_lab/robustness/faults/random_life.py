"""A life drawn at random: commands, goals, cancellations, transitions, parameters and cameras that
come, go and send nonsense, in any order. Hypothesis draws it, step by step.

Held at every step: each service answers. Held after every fifty: each command has exactly one
result, with its own words, an id of its own and the frame of its own camera; each goal was accepted
or rejected, and ended with its own words and its own image. At the end: no more threads, open files
and memory than after the first lives.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from ppcr_lab.robustness.node_bench import NodeBench
from ppcr_lab.robustness.outcome import FaultOutcome, Plan
from ppcr_lab.robustness.random_world import BAD_PARAMETERS, CAMERAS, GOOD_PARAMETERS, World
from ppcr_lab.robustness.scripted import scripted_pipeline
from ppcr_ros.core.memory import rss_bytes

_STEPS_IN_A_LIFE = 50
_WARM_LIVES = 5
_PARAMETERS = {
    "node.cameras": ", ".join(CAMERAS),
    "node.frame_timeout_sec": 1.0,
    "node.max_image_age_sec": 3600.0,
}
_ANSWER_SEC = 0.005


def run(plan: Plan) -> FaultOutcome:
    outcome = FaultOutcome("random_life")
    wanted = plan.of(2_500, 150)
    taken: list[dict[str, float]] = []
    with NodeBench(partial(scripted_pipeline, answer_sec=_ANSWER_SEC), _PARAMETERS) as bench:
        world = World(bench, outcome)
        draw = 0
        while outcome.tried < wanted:
            lives = (wanted - outcome.tried) // _STEPS_IN_A_LIFE + 2  # the first is a dull one
            _live(world, plan.seed + draw, lives, lambda: taken.append(_resources()))
            draw += 1
        if len(taken) > _WARM_LIVES:
            _expect_flat(outcome, taken[_WARM_LIVES - 1], taken[-1])
    outcome.figures |= {
        "lives": len(taken),
        "commands": world.commands,
        "goals": world.goals,
        "steps": dict(sorted(world.steps.items())),
        "statuses": dict(sorted(world.statuses.items())),
        "services called": world.called,
    }
    return outcome


def _live(world: World, number: int, lives: int, ended: Callable[[], None]) -> None:
    """Lives of at most fifty steps each; ``ended`` is told of the end of each."""

    class Life(RuleBasedStateMachine):
        @initialize()
        def wake(self) -> None:
            world.wake()

        @rule(camera=st.sampled_from(("", *CAMERAS)))
        def say(self, camera: str) -> None:
            world.step("say")
            world.say(camera)

        @rule(camera=st.sampled_from(("", *CAMERAS)))
        def stop(self, camera: str) -> None:
            world.step("stop")
            world.say(camera, "stop")

        @rule(camera=st.sampled_from(CAMERAS), own_image=st.booleans())
        def send_goal(self, camera: str, own_image: bool) -> None:
            world.step("goal")
            world.send_goal(camera, own_image)

        @rule(which=st.integers(0, 20))
        def cancel(self, which: int) -> None:
            world.step("cancel")
            world.cancel(which)

        @rule(camera=st.sampled_from(CAMERAS))
        def show(self, camera: str) -> None:
            world.step("image")
            world.show(camera)

        @rule(camera=st.sampled_from(CAMERAS))
        def show_nonsense(self, camera: str) -> None:
            world.step("unusable image")
            world.show(camera, usable=False)

        @rule(camera=st.sampled_from(CAMERAS), reliable=st.booleans())
        def exchange_camera(self, camera: str, reliable: bool) -> None:
            world.step("camera exchanged")
            world.exchange_camera(camera, reliable=reliable)

        @rule(name=st.sampled_from(("configure", "activate", "deactivate", "cleanup", "none")))
        def change_state(self, name: str) -> None:
            world.step("transition")
            world.change_state(name)

        @rule(index=st.integers(0, len(GOOD_PARAMETERS) - 1))
        def set_parameter(self, index: int) -> None:
            world.step("parameter")
            world.set_parameter(*GOOD_PARAMETERS[index], accepted=True)

        @rule(index=st.integers(0, len(BAD_PARAMETERS) - 1))
        def set_bad_parameter(self, index: int) -> None:
            world.step("refused parameter")
            world.set_parameter(*BAD_PARAMETERS[index], accepted=False)

        @rule()
        def ask(self) -> None:
            world.step("services")
            world.ask_services()

        def teardown(self) -> None:
            world.settle()
            ended()

    options = settings(
        max_examples=lives,
        stateful_step_count=_STEPS_IN_A_LIFE,
        phases=(Phase.generate,),
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(seed(number)(Life), settings=options)


def _resources() -> dict[str, float]:
    fds = Path("/proc/self/fd")
    return {
        "threads": threading.active_count(),
        "open files": len(list(fds.iterdir())) if fds.is_dir() else 0,
        "memory, MB": (rss_bytes() or 0) / 1e6,
    }


def _expect_flat(outcome: FaultOutcome, early: dict[str, float], late: dict[str, float]) -> None:
    grown = {name: round(late[name] - early[name], 1) for name in early}
    outcome.figures["grown since the fifth life"] = grown
    outcome.expect(grown["threads"] <= 1, f"{grown['threads']} more threads")
    outcome.expect(grown["open files"] <= 3, f"{grown['open files']} more open files")
    outcome.expect(grown["memory, MB"] <= 60, f"{grown['memory, MB']} MB more memory")
