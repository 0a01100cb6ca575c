"""The training tensors and losses, on a few scenes that need no renderer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch")

from ppcr_lab.sim.commands_said import ReferringCommand  # noqa: E402
from ppcr_lab.training.block_attention import own_row_mask  # noqa: E402
from ppcr_lab.training.conversations import (  # noqa: E402
    ROW_LENGTH,
    ConversationEncoder,
    ConversationMix,
    TrainingConversation,
    pack,
    understanding_of,
)
from ppcr_lab.training.grounding_data import (  # noqa: E402
    Batch,
    BatchSampler,
    GroundingScenes,
    load_grounding_scenes,
    square_view,
)
from ppcr_lab.training.render import HEIGHT_PX, WIDTH_PX  # noqa: E402
from ppcr_lab.training.tiny_checkpoint import build_model, train_tokenizer  # noqa: E402
from ppcr_lab.training.tiny_losses import (  # noqa: E402
    PREFIX,
    answer_losses,
    soft_bins,
    states_before,
    tower_states,
    use_training_attention,
)
from ppcr_ros.core.errors import ConfigError  # noqa: E402
from ppcr_ros.models.mllm.tiny_understanding import LOC_BINS  # noqa: E402

PaintScenes = Callable[[Path, int], None]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, paint_scenes: PaintScenes) -> Path:
    path = tmp_path_factory.mktemp("scenes")
    paint_scenes(path, 6)
    return path


@pytest.fixture(scope="module")
def scenes(folder: Path) -> GroundingScenes:
    return load_grounding_scenes(folder)


@pytest.fixture(scope="module")
def encoder(scenes: GroundingScenes) -> ConversationEncoder:
    corpus = [c.text for record in scenes.records for c in record.commands]
    return ConversationEncoder(train_tokenizer(corpus, vocab_size=400))


def sampler(scenes: GroundingScenes, encoder: ConversationEncoder, seed: int = 0) -> BatchSampler:
    return BatchSampler(
        [scenes],
        encoder,
        images_per_batch=2,
        conversations_per_image=5,
        rows_per_image=3,
        seed=seed,
    )


def test_a_batch_depends_on_seed_and_number_alone(
    scenes: GroundingScenes, encoder: ConversationEncoder
) -> None:
    first, again = sampler(scenes, encoder).batch(4), sampler(scenes, encoder).batch(4)
    assert torch.equal(first.ids, again.ids)
    assert torch.equal(first.pixels, again.pixels)
    assert not torch.equal(first.pixels, sampler(scenes, encoder, seed=1).batch(4).pixels)


def test_too_few_scenes_are_named(scenes: GroundingScenes, encoder: ConversationEncoder) -> None:
    with pytest.raises(ConfigError, match="6 rendered scenes; expected at least 50"):
        BatchSampler(
            [scenes],
            encoder,
            images_per_batch=50,
            conversations_per_image=1,
            rows_per_image=1,
            seed=0,
        )


def test_location_tokens_carry_their_exact_place(
    scenes: GroundingScenes, encoder: ConversationEncoder
) -> None:
    batch = sampler(scenes, encoder).batch(0)
    place = batch.edges >= 0
    assert place.any()
    assert torch.equal(place, batch.learnt & _is_loc(batch.ids, encoder))
    bins = (batch.ids - encoder.first_loc)[place]
    assert torch.all((bins - batch.edges[place]).abs() <= 1.0)


def _is_loc(ids: torch.Tensor, encoder: ConversationEncoder) -> torch.Tensor:
    return (ids >= encoder.first_loc) & (ids < encoder.first_loc + LOC_BINS)


def test_what_stage_1_points_at_is_where_it_is(scenes: GroundingScenes) -> None:
    commands = [(c, record) for record in scenes.records for c in record.commands]
    pointed = [(c, record, understanding_of(c, record)) for c, record in commands]
    assert any(len(said.sighted) > 1 for _, _, said in pointed)
    for command, record, said in pointed:
        shown = (*command.anchors, *command.counted, *command.fitting)
        shown += () if command.target is None else (command.target,)
        for index, sighting in zip(shown, (*said.anchors, *said.sighted), strict=True):
            x1, y1, x2, y2 = record.boxes_xyxy_px[index] or [0.0] * 4
            assert sighting.name == record.names[index]
            assert x1 < sighting.x * WIDTH_PX < x2
            assert y1 < sighting.y * HEIGHT_PX < y2
        assert (said.outcome == "several") == command.ambiguous
        assert (said.outcome == "absent") == (command.kind == "absent")


def test_patches_name_the_object_they_show(scenes: GroundingScenes) -> None:
    for row, record in enumerate(scenes.records):
        shown = set(np.unique(square_view(scenes, row).patch_object).tolist()) - {-1}
        assert shown
        assert shown <= set(range(len(record.objects)))


def test_soft_bins_peak_where_the_edge_is() -> None:
    truth = soft_bins(torch.tensor([10.2, 64.9]), vocabulary=300, first_loc=20)
    assert truth.argmax(1).tolist() == [30, 84]
    assert torch.allclose(truth.sum(1), torch.ones(2))


def conversation(length: int, first: int) -> TrainingConversation:
    return TrainingConversation(
        np.arange(first, first + length, dtype=np.int16),
        np.ones(length, bool),
        np.full(length, -1.0, np.float32),
    )


def test_conversations_share_rows_and_none_is_cut() -> None:
    talks = [conversation(20, 100), conversation(90, 200), conversation(35, 300)]
    packed = pack(talks, rows=2, pad=7)
    assert packed.ids.shape == (2, ROW_LENGTH)
    rows = [row[row != 7].tolist() for row in packed.ids]
    assert rows[0] == [*range(200, 290), *range(100, 120)]
    assert rows[1] == [*range(300, 335)]
    assert packed.places[0, 88:93].tolist() == [88, 89, 0, 1, 2]
    assert packed.segments[0, 89] != packed.segments[0, 90]
    assert (packed.segments[1, 35:] == -1).all()
    assert not packed.learnt[1, 35:].any()


def test_a_conversation_without_room_is_left_out() -> None:
    packed = pack([conversation(90, 100), conversation(40, 200)], rows=1, pad=7)
    assert set(packed.ids[0].tolist()) == {7, *range(100, 190)}
    assert pack([conversation(ROW_LENGTH + 1, 0)], rows=1, pad=7).learnt.sum() == 0


def test_the_mix_decides_what_is_asked(
    scenes: GroundingScenes, encoder: ConversationEncoder
) -> None:
    record = scenes.records[0]
    rng = np.random.default_rng(0)
    tokenizer = encoder.tokenizer
    for mix, expected in (
        (ConversationMix(direct=1.0, every=0.0), "where at once"),
        (ConversationMix(direct=1.0, every=1.0), "where all at once"),
        (ConversationMix(direct=0.0, verify=1.0), "fits"),
    ):
        talks = ConversationEncoder(tokenizer, mix).encode(record.commands, record, rng)
        texts = [tokenizer.decode(talk.ids.tolist()) for talk in talks]
        with_target = [c.target is not None for c in record.commands]
        asked = [expected in text for text in texts]
        assert asked == ([True] * len(talks) if mix.direct else with_target)


def test_talk_around_a_command_changes_what_is_asked_and_not_the_answer(
    scenes: GroundingScenes, encoder: ConversationEncoder
) -> None:
    record, tokenizer = scenes.records[0], encoder.tokenizer

    def talks(share: float) -> list[TrainingConversation]:
        mix = ConversationMix(direct=0.0, verify=0.0, talk=share)
        rng = np.random.default_rng(0)
        return ConversationEncoder(tokenizer, mix).encode(record.commands, record, rng)

    for plain, around in zip(talks(0.0), talks(1.0), strict=True):
        assert len(around.ids) > len(plain.ids)
        np.testing.assert_array_equal(around.ids[around.learnt], plain.ids[plain.learnt])


def test_of_what_fits_nothing_less_is_learnt_with_a_semantic_stage(
    scenes: GroundingScenes, encoder: ConversationEncoder
) -> None:
    """As much as ever is learnt of it at once, without one."""
    record = next(
        r for r in scenes.records if {"absent", "attribute"} <= {c.kind for c in r.commands}
    )
    absent = next(c for c in record.commands if c.kind == "absent")
    other = next(c for c in record.commands if c.kind == "attribute")
    mix, tokenizer = ConversationMix(absent=0.25), encoder.tokenizer
    rng, count = np.random.default_rng(0), 2000
    drawing = ConversationEncoder(tokenizer, mix)

    def at_once(command: ReferringCommand) -> float:
        talks = drawing.encode([command] * count, record, rng)
        return sum("at once" in tokenizer.decode(t.ids.tolist()) for t in talks) / count

    assert mix.weight(other) == 1.0
    assert at_once(other) == pytest.approx(mix.direct, abs=0.04)
    assert mix.weight(absent) * at_once(absent) == pytest.approx(mix.direct, abs=0.04)
    kept = mix.weight(absent) * (1.0 - at_once(absent))
    assert kept == pytest.approx(0.25 * (1.0 - mix.direct), abs=0.04)


def test_batches_are_drawn_by_the_weights_of_the_mix(
    scenes: GroundingScenes, encoder: ConversationEncoder
) -> None:
    never = ConversationMix(direct=0.0, absent=1e-9)

    def answers(mix: ConversationMix) -> str:
        drawing = BatchSampler(
            [scenes],
            ConversationEncoder(encoder.tokenizer, mix),
            images_per_batch=6,
            conversations_per_image=1,
            rows_per_image=1,
            seed=0,
        )
        batches = [drawing.batch(number) for number in range(10)]
        ids = torch.cat([batch.ids[batch.learnt] for batch in batches])
        return str(encoder.tokenizer.decode(ids.tolist()))

    assert "absent" in answers(ConversationMix())
    assert "absent" not in answers(never)


def test_conversations_on_one_image_do_not_see_each_other(
    scenes: GroundingScenes, encoder: ConversationEncoder
) -> None:
    """A conversation's states are those that the plain causal model gives it alone."""
    torch.manual_seed(0)
    model = build_model(encoder.tokenizer).eval()
    batch = sampler(scenes, encoder).batch(1)
    row = next(r for r in batch.segments[0] if len(set(r.tolist()) - {-1}) > 1)
    number = int((batch.segments[0] == row).all(1).nonzero()[0])
    own = row == row[-1 if row[-1] >= 0 else int((row >= 0).nonzero()[-1])]
    with torch.no_grad():
        _, image_tokens = tower_states(model, batch.pixels[:1], batch.seen[:1])
        embed = model.model.language_model.embed_tokens
        start = embed(torch.tensor([[encoder.user]]))
        alone = model.model.language_model(
            inputs_embeds=torch.cat(
                [start, image_tokens, embed(batch.ids[0, number][own])[None]], dim=1
            ),
            use_cache=False,
        ).last_hidden_state[0, PREFIX:]
        use_training_attention(model)
        together = _together(model, batch, torch.cat([start, image_tokens], dim=1))
    assert torch.allclose(together[number][own], alone, atol=2e-4)


def _together(model: Any, batch: Batch, prefix: torch.Tensor) -> torch.Tensor:
    """The states (K, L, width) of all rows about the batch's first image, in one pass."""
    words = model.model.language_model.embed_tokens(batch.ids[0].flatten())[None]
    places = PREFIX + batch.places[0].flatten()
    states = model.model.language_model(
        inputs_embeds=torch.cat([prefix, words], dim=1),
        prefix=PREFIX,
        row_mask=own_row_mask(batch.segments[:1]),
        position_ids=torch.cat([torch.arange(PREFIX), places])[None],
        use_cache=False,
    ).last_hidden_state
    return states[0, PREFIX:].reshape(*batch.ids.shape[1:], -1)


def test_the_losses_fall_when_it_learns(
    scenes: GroundingScenes, encoder: ConversationEncoder
) -> None:
    torch.manual_seed(0)
    model = build_model(encoder.tokenizer)
    use_training_attention(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    batch = sampler(scenes, encoder).batch(0)
    losses = []
    for _ in range(4):
        _, image_tokens = tower_states(model, batch.pixels, batch.seen)
        parts = answer_losses(model, image_tokens, batch, encoder)
        loss = parts["words"] + parts["places"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.95 * losses[0]


def test_the_tower_may_look_at_a_part_of_the_patches(
    scenes: GroundingScenes, encoder: ConversationEncoder
) -> None:
    """A tower without layers gives each patch what it gives it among all."""
    model = build_model(encoder.tokenizer).eval()
    all_of_it = sampler(scenes, encoder).batch(1)
    some = sampler(scenes, encoder).batch(1, patches=150)
    assert all_of_it.seen.tolist() == [list(range(400))] * len(all_of_it.seen)
    assert torch.equal(all_of_it.pixels, some.pixels)
    assert some.seen.shape == (len(some.pixels), 150)
    assert (some.seen.diff(dim=1) > 0).all()
    with torch.no_grad():
        own = model.get_image_features(pixel_values=all_of_it.pixels).pooler_output
        _, ours = tower_states(model, all_of_it.pixels, all_of_it.seen)
        assert torch.allclose(torch.stack(list(own)), ours, atol=1e-5)
        model.model.vision_tower.encoder.layers = torch.nn.ModuleList()
        _, ours = tower_states(model, all_of_it.pixels, all_of_it.seen)
        _, part = tower_states(model, some.pixels, some.seen)
    kept = ours.gather(1, some.seen[..., None].expand(-1, -1, ours.shape[2]))
    assert torch.allclose(kept, part, atol=1e-5)


def test_patches_that_show_an_object_are_seen_rather(
    scenes: GroundingScenes, encoder: ConversationEncoder
) -> None:
    some = sampler(scenes, encoder).batch(1, patches=150)
    shows = some.patch_object >= 0
    seen = torch.zeros_like(shows).scatter(1, some.seen, True)
    assert seen[shows].float().mean() > 0.8
    assert 0.1 < seen[~shows].float().mean() < 0.5


def test_patches_and_words_keep_their_places_where_some_are_not_seen(
    scenes: GroundingScenes, encoder: ConversationEncoder
) -> None:
    """A conversation's states are those that the plain causal model gives it at these places."""
    torch.manual_seed(0)
    model = build_model(encoder.tokenizer).eval()
    batch = sampler(scenes, encoder).batch(1, patches=50)
    row, own = 0, batch.segments[0, 0] == 0
    with torch.no_grad():
        _, image_tokens = tower_states(model, batch.pixels, batch.seen)
        embed = model.model.language_model.embed_tokens
        start, words = embed(torch.tensor([[encoder.user]])), embed(batch.ids[0, row][own])
        places = [torch.zeros(1), 1 + batch.seen[0], PREFIX + batch.places[0, row][own]]
        alone = model.model.language_model(
            inputs_embeds=torch.cat([start, image_tokens[:1], words[None]], dim=1),
            position_ids=torch.cat(places).long()[None],
            attention_mask=torch.ones(1, 51 + len(words)),  # or jumps begin other sequences
            use_cache=False,
        ).last_hidden_state[0, 51:]
        use_training_attention(model)
        together = states_before(model, image_tokens, batch, encoder)
    assert torch.allclose(together[0, row][: len(alone)][own[: len(alone)]], alone, atol=2e-4)
