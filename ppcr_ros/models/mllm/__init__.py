"""Multimodal language models: one session class, and one file per model family."""
