"""A real headless Chromium for tests."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

CHROMEDRIVER = "/usr/bin/chromedriver"
CHROMIUM = "/usr/bin/chromium"
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def missing_browser() -> str:
    """Why no browser can be opened here; empty where one can."""
    missing = [path for path in (CHROMIUM, CHROMEDRIVER) if not os.access(path, os.X_OK)]
    return f"needs {' and '.join(missing)} (Debian: chromium, chromium-driver)" if missing else ""


@contextmanager
def open_browser(*, width: int = 1200, height: int = 900, dark: bool = False) -> Iterator[Chrome]:
    """A browser with a profile of its own, closed and removed at the end."""
    profile = tempfile.mkdtemp(prefix="browser-")
    options = ChromeOptions()
    options.binary_location = CHROMIUM
    options.set_capability("unhandledPromptBehavior", "ignore")  # an alert must not go unseen
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for flag in (*_FLAGS, f"--user-data-dir={profile}", f"--window-size={width},{height}"):
        options.add_argument(flag)
    try:
        driver = Chrome(options=options, service=Service(CHROMEDRIVER))
        try:
            driver.set_page_load_timeout(60)
            scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
            driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})
            yield driver
        finally:
            driver.quit()
    finally:
        shutil.rmtree(profile, ignore_errors=True)
