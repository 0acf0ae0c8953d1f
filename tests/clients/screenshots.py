"""Takes README's pictures of the index page, to docs/images.

python tests/clients/screenshots.py
"""

from __future__ import annotations

import sys
import tempfile
from itertools import product
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness.chromium import visiting
from harness.server import REPOSITORY, serving

IMAGES = REPOSITORY / "docs" / "images"
ALBUM = "3bea29ccabbbf64bdebcc055319c5745"
SIZES = {"index": (1100, 660), "phone": (390, 790)}
LOCALES = {"en": "en-US", "ru": "ru-RU"}
COLOURS = 128
"""A page has few: a third of the bytes."""


def main() -> None:
    """Take a picture in each language and size."""
    IMAGES.mkdir(exist_ok=True)
    for (name, (width, height)), (language, locale) in product(SIZES.items(), LOCALES.items()):
        with tempfile.TemporaryDirectory() as directory, serving(None, Path(directory)) as server:
            url = f"http://127.0.0.1:{server.port}/"
            with visiting(Path(directory), url, width=width, locale=locale) as (page, _):
                page.set_viewport_size({"width": width, "height": height})
                page.fill("#hash", ALBUM)
                page.press("#hash", "Enter")
                page.locator("#result .figures").wait_for()
                path = IMAGES / f"{name}.{language}.png"
                page.screenshot(path=str(path))
        Image.open(path).convert("RGB").quantize(COLOURS).save(path, optimize=True)


if __name__ == "__main__":
    main()
