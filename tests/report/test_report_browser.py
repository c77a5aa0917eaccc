"""report.html in a real browser: quiet, closed, readable on a phone, in the dark and in print."""

import base64
import json
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.browser import chromium
from support.commands import DEMO, ultralif
from support.paths import ROOT
from support.requirements import import_or_skip

WIDTHS = {"desktop": 1280, "phone": 375}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("browser")
    run = ("verify", DEMO, "--data", "digits", "--limit", 30, "--certify", 3)
    assert ultralif(*run, "--on", "fast,loihi1", "-o", path).code == 0
    return path / "report.html"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    yield from chromium(tmp_path_factory.mktemp("profile"))


def show(browser: Any, page: Path, width: int = 1280, scheme: str = "light") -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(page.as_uri())


def script(browser: Any, code: str) -> Any:
    return browser.execute_script(f"return {code}")


def requests(browser: Any, page: Path) -> list[str]:
    """Addresses that a page asked for since the last call; the browser asks for some by itself."""
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    sent = [e["params"] for e in events if e["method"] == "Network.requestWillBeSent"]
    return [p["request"]["url"] for p in sent if p["documentURL"] == page.as_uri()]


def test_console_stays_empty_and_nothing_is_asked_for(browser: Any, page: Path) -> None:
    requests(browser, page)
    show(browser, page)
    assert browser.get_log("browser") == []
    assert {url for url in requests(browser, page) if not url.startswith("data:")} == {
        page.as_uri()
    }


def test_the_page_forbids_itself_every_request(browser: Any, page: Path) -> None:
    show(browser, page)
    code = """
    const done = arguments[0], image = new Image();
    image.onerror = () => fetch('http://127.0.0.1:9/').then(() => done('sent'), () => {
      const added = document.createElement('script');
      added.textContent = 'window.injected = true';
      document.body.append(added);
      done(window.injected ? 'ran' : 'blocked');
    });
    image.src = 'http://127.0.0.1:9/';
    """
    assert browser.execute_async_script(code) == "blocked"
    log = [entry["message"] for entry in browser.get_log("browser")]
    assert log
    assert all("Content Security Policy" in line for line in log)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", WIDTHS)
def test_it_fits_and_shows_something(browser: Any, page: Path, screen: str, scheme: str) -> None:
    width = WIDTHS[screen]
    show(browser, page, width, scheme)
    assert script(browser, "document.documentElement.scrollWidth") == width
    inside = "[...document.querySelectorAll('figure, h1, p')]"
    edges = f"Math.max(...{inside}.map((e) => e.getBoundingClientRect().right))"
    assert script(browser, edges) <= width
    found = browser.execute_cdp_cmd("Page.captureScreenshot", {})
    size, values = picture(base64.b64decode(found["data"]))
    assert size == (width, 900)
    assert len(values) > 60
    ink, paper = (
        [
            int(v)
            for v in script(browser, f"getComputedStyle(document.body).{name}")[4:-1].split(",")
        ]
        for name in ("color", "backgroundColor")
    )
    assert (sum(paper) < sum(ink)) is (scheme == "dark")
    assert abs(sum(paper) - sum(ink)) > 450


def test_every_table_fits_on_a_desktop(browser: Any, page: Path) -> None:
    show(browser, page)
    code = """[...document.querySelectorAll('.scroll')].filter((frame) =>
      frame.scrollWidth > frame.clientWidth).map((frame) => frame.innerText.slice(0, 60))"""
    assert script(browser, code) == []


def picture(png: bytes) -> tuple[tuple[int, int], set[int]]:
    """Size of a PNG file, and the values that its rows hold."""
    size = struct.unpack(">II", png[16:24])
    at, packed = 8, b""
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        if png[at + 4 : at + 8] == b"IDAT":
            packed += png[at + 8 : at + 8 + length]
        at += length + 12
    return size, set(zlib.decompress(packed))


def test_figures_are_drawn_within_their_frames(browser: Any, page: Path) -> None:
    show(browser, page, WIDTHS["phone"])
    code = """[...document.querySelectorAll('svg[role=img]')].flatMap((svg) => {
      const frame = svg.getBoundingClientRect();
      return [...svg.querySelectorAll('text')].filter((text) => {
        const box = text.getBoundingClientRect();
        return box.width && (box.left < frame.left - 1 || box.right > frame.right + 1);
      }).map((text) => text.textContent);
    })"""
    assert script(browser, code) == []


def test_tables_are_sorted_by_mouse_and_by_keyboard(browser: Any, page: Path) -> None:
    keys = import_or_skip("selenium.webdriver.common.keys", "pip install selenium").Keys
    show(browser, page)
    table = browser.find_element("css selector", "#devices table")
    headers = table.find_elements("css selector", "thead th")
    column = [header.text.split()[0] for header in headers].index("energy")

    def energies() -> list[float]:
        cells = table.find_elements("css selector", f"tbody tr > :nth-child({column + 1})")
        return [float(cell.get_attribute("data-order")) for cell in cells]

    before = energies()
    assert before != sorted(before)
    button = headers[column].find_element("css selector", "button")
    button.click()
    assert energies() == sorted(before)
    assert headers[column].get_attribute("aria-sort") == "ascending"
    button.send_keys(keys.ENTER)
    assert energies() == sorted(before, reverse=True)
    assert headers[column].get_attribute("aria-sort") == "descending"
    headers[0].find_element("css selector", "button").click()
    names = [row.text.split()[0] for row in table.find_elements("css selector", "tbody tr")]
    assert names == sorted(names)
    assert headers[column].get_attribute("aria-sort") == "none"


def test_the_picture_of_the_readme_can_be_taken(browser: Any, page: Path, tmp_path: Path) -> None:
    take = ROOT / "examples" / "report_screenshot.py"
    taken = tmp_path / "report.png"
    subprocess.run([sys.executable, str(take), str(page), "-o", str(taken)], check=True)
    size, values = picture(taken.read_bytes())
    assert size == (1280, 1330)
    assert len(values) > 60


def test_print_is_on_white_without_the_contents(browser: Any, page: Path) -> None:
    show(browser, page, scheme="dark")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert (
        script(browser, "getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    )
    assert script(browser, "getComputedStyle(document.querySelector('nav')).display") == "none"
    printed = browser.execute_cdp_cmd("Page.printToPDF", {"printBackground": False})
    assert base64.b64decode(printed["data"]).startswith(b"%PDF")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_the_page_is_whole_without_its_script(browser: Any, page: Path) -> None:
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    show(browser, page)
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    assert browser.find_elements("css selector", "th button") == []
    assert len(browser.find_elements("css selector", "tbody tr")) > 40
