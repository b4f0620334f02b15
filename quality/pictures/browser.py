"""Takes a picture of a page of Airflow's UI in headless Chromium, or says which texts it does not show.

Runs where Playwright is installed; imports nothing of ours. Arguments: the Chromium, the URL, the file, the height in
pixels, and the texts that have to be on the page. The last line of the output names the texts that are missing.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Error, sync_playwright

WIDTH = 1280
_TIMEOUT = 30_000  # milliseconds for a text to show up
_SETTLED = 1_500  # and for the page to come to rest
# Nothing but the page is to be fetched. A user that is root has no sandbox; the only page is our own.
_OPTIONS = ("--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync")


def main(chromium: str, url: str, file: str, height: str, *texts: str) -> None:
    """Take the picture, unless a text is missing."""
    missing = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=[*_OPTIONS, "--no-first-run"])
        page = browser.new_page(color_scheme="light", viewport={"width": WIDTH, "height": int(height)})
        page.goto(url)
        for text in texts:
            try:
                page.get_by_text(text).first.wait_for(state="visible", timeout=_TIMEOUT)
            except Error:
                missing.append(text)
        if not missing:
            page.wait_for_timeout(_SETTLED)
            # 256 colors are enough for a table, and a third of the bytes.
            picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
            picture.quantize(256, dither=Image.Dither.NONE).save(Path(file), optimize=True)
        browser.close()
    print(", ".join(missing))


if __name__ == "__main__":
    main(*sys.argv[1:])
