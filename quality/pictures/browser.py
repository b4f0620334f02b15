"""Photographs pages of Airflow's UI in headless Chromium. Runs where Playwright is installed; imports nothing of ours.

A line of JSON on standard input is a picture to take: `{"url", "shows": [texts that have to be there],
"file", "height"}`. For each a line of JSON comes back: `{"missing": [texts]}`.
"""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Page, sync_playwright

WIDTH = 1280
_PATIENCE = 30_000  # milliseconds for a text to show up
_SETTLED = 1_500  # and for the page to come to rest
# Nothing but the page is to be fetched.
_QUIET = ("--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run")


def take(page: Page, wanted: dict[str, Any]) -> list[str]:
    """Take one picture; the texts that were not there, in which case none is taken."""
    page.set_viewport_size({"width": WIDTH, "height": wanted["height"]})
    page.goto(wanted["url"])
    missing = [text for text in wanted["shows"] if not _is_shown(page, text)]
    if not missing:
        page.wait_for_timeout(_SETTLED)
        _save(page.screenshot(), Path(wanted["file"]))
    return missing


def _is_shown(page: Page, text: str) -> bool:
    try:
        page.get_by_text(text).first.wait_for(state="visible", timeout=_PATIENCE)
    except Exception:
        return False
    return True


def _save(png: bytes, file: Path) -> None:
    # 256 colours are enough for a table, and a third of the bytes.
    picture = Image.open(io.BytesIO(png)).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    picture.save(file, optimize=True)


def main(chromium: str) -> None:
    with sync_playwright() as playwright:
        # A user that is root has no sandbox; the only page is our own.
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", *_QUIET])
        page = browser.new_page(color_scheme="light")
        for line in sys.stdin:
            print(json.dumps({"missing": take(page, json.loads(line))}), flush=True)
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1])
