"""Each kind of finding has a test in which its remedy is followed, and then the node works."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ppcr_ros.health.finding_catalog import KINDS
from ppcr_ros.health.findings import FindingKind

TESTS = Path(__file__).resolve().parents[1]

FOLLOWED = {
    "ros/remedies/test_camera_remedies.py": {
        "test_the_topic_that_is_named_is_the_right_one": [
            "no_publisher", "no_camera_info", "camera_info_size", "camera_info_frame", "depth_size",
            "depth_frame", "depth_encoding",
        ],
        "test_a_topic_of_another_type_is_left_for_the_one_that_is_named": ["wrong_type"],
        "test_the_option_that_is_named_helps": [
            "lens_unclear", "second_camera", "frame_not_optical", "depth_frame",
            "camera_info_frame",
        ],
        "test_a_driver_that_is_set_as_it_says_is_used": [
            "uncalibrated", "image_encoding", "frame_id_empty", "frame_id_slash", "stamp_zero",
            "stamp_far", "other_clock",
        ],
        "test_a_transport_that_is_set_as_it_says_is_used": ["compressed_format", "colour_lost"],
        "test_nothing_needs_to_be_done_about_another_transport": ["other_transport"],
        "test_the_rectified_image_needs_no_model_of_the_lens": ["lens_unknown"],
        "test_the_first_camera_is_graspable": ["second_camera"],
        "test_the_numbers_that_are_given_are_enough": ["depth_late", "depth_slow"],
        "test_the_slop_that_is_given_is_enough_and_so_is_one_clock": ["unsynchronised"],
    },
    "ros/remedies/test_graph_remedies.py": {
        "test_a_camera_in_the_domain_that_is_told_is_seen": ["nothing_discovered"],
        "test_one_camera_on_a_topic_is_enough": ["several_publishers"],
        "test_a_speaker_with_the_default_qos_is_heard": ["command_qos"],
        "test_a_viewer_that_asks_for_what_is_offered_sees": ["subscriber_qos"],
        "test_a_silent_camera_is_heard": ["silent"],
        "test_depth_that_streams_is_used": ["silent_depth"],
        "test_a_node_without_a_clock_has_one": ["no_clock"],
        "test_a_simulator_that_runs_again_is_followed": ["clock_stands"],
        "test_a_bag_with_its_clock_is_of_this_moment": ["stamp_far"],
        "test_cameras_with_frames_of_their_own_can_be_told_apart": ["frame_id_shared"],
        "test_a_second_node_is_stopped_or_renamed": ["node_twice", "server_twice"],
    },
    "ros/test_looped_bags.py": {
        "test_commands_are_answered_in_every_round": ["stamps_back"],
    },
    "ros/test_remedies.py": {
        "test_the_reliability_that_is_advised_hears_the_camera": ["qos_reliability"],
        "test_a_node_in_a_namespace_under_another_name_is_brought_to_life_as_it_says": [
            "not_active"
        ],
    },
    "health/test_model_remedies.py": {
        "test_a_folder_that_holds_the_weights_is_enough": ["weights_missing"],
        "test_weights_that_are_copied_again_are_whole": ["weights_damaged"],
        "test_checksums_that_are_written_anew_are_those_of_the_weights": ["weights_checksum"],
        "test_less_memory_is_needed_or_more_is_free": ["memory_short"],
        "test_a_device_that_is_there_is_taken": ["cuda_missing"],
        "test_an_engine_that_is_started_answers": ["engine_down"],
        "test_a_name_that_the_engine_serves_is_known_to_it": ["engine_model"],
    },
    "weights/test_pull_and_run.py": {
        "test_pull_then_run_without_the_hub": ["weights_missing"],
    },
    "ros/test_lifecycle.py": {
        "test_weights_that_were_mended_load_after_a_failure": ["models_not_loaded"],
    },
    "ros/test_fallback.py": {
        "test_with_memory_again_configuring_brings_the_models_that_are_wanted": ["fallback_models"],
    },
}  # fmt: skip
"""The kinds whose remedy each test follows, by file."""

NOT_IN_A_TEST = {
    "nothing_discovered": ("UDP multicast in the firewall", "the machine's own firewall"),
    "silent": ("raise net.core.rmem_max", "the kernel's settings, which a test leaves alone"),
    "silent_depth": ("raise net.core.rmem_max", "the kernel's settings"),
    "uncalibrated": ("cameracalibrator", "a person holds a board before the camera"),
    "stamp_far": ("synchronise their clocks (chrony)", "two machines"),
    "stamps_back": ("chrony slews it", "the machine's own clock"),
    "other_clock": ("synchronise the machines (chrony)", "two machines"),
    "depth_late": ("let the driver register depth faster", "the driver's own work"),
    "colour_lost": ("image_proc's debayer", "a node of another package"),
    "frame_not_optical": ("tf2_ros' static_transform_publisher", "a node of another package"),
    "cuda_missing": ("install a CUDA build of torch", "a GPU and its driver"),
    "weights_damaged": ("git lfs pull", "a git server"),
    "weights_checksum": ("Install the package again", "a package manager"),
}
"""What of a remedy no test here can follow, and what it would take; the rest of it is followed."""

CODES = [
    code for tests in FOLLOWED.values() for followed in tests.values() for code in followed
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.code)
def test_a_kind_comes_with_a_test_that_follows_its_remedy(kind: FindingKind) -> None:
    assert kind.code in CODES, "follow its remedy in a test, and name that in FOLLOWED"
    words, _ = NOT_IN_A_TEST.get(kind.code, ("", ""))
    assert words in kind.remedy


def test_no_other_kind_is_named() -> None:
    assert {*CODES, *NOT_IN_A_TEST} == {kind.code for kind in KINDS}


@pytest.mark.parametrize("file", FOLLOWED)
def test_what_is_named_is_a_test(file: str) -> None:
    tests = re.findall(r"^def (test_\w+)\(", (TESTS / file).read_text(encoding="utf-8"), re.M)
    assert set(FOLLOWED[file]) <= set(tests)
