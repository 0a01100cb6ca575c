"""Numbers with their units, in words."""

from __future__ import annotations


def size_text(size_bytes: int) -> str:
    """``size_bytes`` in MB, or in GB from a thousand of them on."""
    megabytes = size_bytes / 1e6
    return f"{megabytes / 1e3:.1f} GB" if megabytes >= 1e3 else f"{megabytes:.1f} MB"
