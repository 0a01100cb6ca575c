"""Image files as the node would see them: its formats, its bounds, its scaling.

Without OpenCV, which a message's encodings need and a file does not.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from ppcr_ros.core.documents import DocumentError, check_regular
from ppcr_ros.core.errors import InvalidFrameError
from ppcr_ros.core.types import Array

FORMATS = ("JPEG", "PNG")
"""The others are never tried, whatever a file is called: Pillow reads some by other programs."""
MAX_SIDE_PX = 16384
"""As of a message."""
_ORIENTATION = 274
_MOST_BYTES_PER_PIXEL = 8
_SPARE_BYTES = 10_000_000


def read_image_file(path: Path, max_pixels: int) -> Array:
    """The pixels of a JPEG or PNG file, turned upright as its EXIF data say.

    16-bit values are scaled as the node scales them: their upper byte is taken.

    Args:
        path: of the file; its suffix does not matter.
        max_pixels: a larger image is refused before it is decoded.

    Returns:
        (H, W, 3) uint8, red, green, blue.

    Raises:
        InvalidFrameError: when it is no such image, is truncated or too large.
        OSError: when the file cannot be read.
    """
    limit = _MOST_BYTES_PER_PIXEL * max_pixels + _SPARE_BYTES
    try:
        check_regular(path)
        if (size := path.stat().st_size) > limit:
            raise InvalidFrameError(
                f"it has {size} bytes; expected less for {max_pixels / 1e6:g} megapixels."
            )
        with _opened(path) as image:
            _check_size(image.width, image.height, max_pixels)
            rgb = _to_rgb(image)
            turned = image.getexif().get(_ORIENTATION, 1)
    except UnidentifiedImageError as error:
        raise InvalidFrameError("it is no image in JPEG or PNG, which alone are read.") from error
    except (OSError, InvalidFrameError):
        raise
    except DocumentError as error:
        raise InvalidFrameError(str(error)) from error
    except Exception as error:  # Pillow raises many kinds for corrupt data
        raise InvalidFrameError(f"{error}. Expected a whole JPEG or PNG image.") from error
    if turned == 1:
        return rgb
    upright = Image.fromarray(rgb)
    upright.getexif()[_ORIENTATION] = turned
    return np.array(ImageOps.exif_transpose(upright))


def _opened(path: Path) -> Image.Image:
    """The image file, of which no pixel has been decoded; Pillow's own bound is not asked."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        return Image.open(path, formats=FORMATS)


def _check_size(width: int, height: int, max_pixels: int) -> None:
    if not (1 <= width <= MAX_SIDE_PX and 1 <= height <= MAX_SIDE_PX):
        raise InvalidFrameError(
            f"it is {width}x{height} pixels; expected 1 to {MAX_SIDE_PX} on each side."
        )
    if width * height > max_pixels:
        raise InvalidFrameError(
            f"it is {width}x{height} pixels, {width * height / 1e6:.1f} megapixels; expected at "
            f"most {max_pixels / 1e6:g}. Scale it down, or raise node.max_image_megapixels."
        )


def _to_rgb(image: Image.Image) -> Array:
    if image.mode.startswith("I"):  # 16-bit grey: convert() would clip instead of scaling
        grey = (np.asarray(image, np.uint32) >> 8).astype(np.uint8)
        return np.repeat(grey[:, :, None], 3, axis=2)
    return np.array(image.convert("RGB"), np.uint8)
