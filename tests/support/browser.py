"""Chromium without a screen, for tests of the pages."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.requirements import import_or_skip


def chromium(profile: Path) -> Iterator[Any]:
    """A started browser, its console and its requests recorded; it ends with the test.

    Args:
        profile: an empty folder for the browser's own files.
    """
    webdriver = import_or_skip("selenium.webdriver", "pip install selenium")
    service = import_or_skip("selenium.webdriver.chrome.service", "pip install selenium")
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if browser is None or driver is None:
        reason = "chromium is missing; apt-get install chromium chromium-driver"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for argument in (
        *("headless", "no-sandbox", "disable-gpu", "no-first-run", "hide-scrollbars"),
        *("disable-background-networking", "disable-component-update", "disable-sync"),
        f"user-data-dir={profile}",
    ):
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    started = webdriver.Chrome(options=options, service=service.Service(driver))
    yield started
    started.quit()
