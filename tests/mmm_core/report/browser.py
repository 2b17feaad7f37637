"""A headless Chromium, as a reader's browser and printer; tests that need one are skipped where there is none."""

import re
import shutil
import subprocess

import pytest

from tests.waiting import HANGS

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium")


def chromium(page, *options, profile):
    """Run it on a file, offline, with a profile of its own; what it wrote to standard output."""
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
               f"--user-data-dir={profile}", "--host-resolver-rules=MAP * ~NOTFOUND", *options,
               page.as_uri()]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=HANGS)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def printed_sheets(page, folder):
    """How many sheets a page prints on, and the size of the first in millimetres."""
    target = folder / f"{page.stem}.pdf"
    chromium(page, "--no-pdf-header-footer", f"--print-to-pdf={target}", profile=folder / "profile")
    pdf = target.read_bytes()
    width, height = map(float, re.search(rb"/MediaBox\s*\[0 0 ([\d.]+) ([\d.]+)\]", pdf).groups())
    return len(re.findall(rb"/Type\s*/Page\b", pdf)), (round(width / 72 * 25.4), round(height / 72 * 25.4))
