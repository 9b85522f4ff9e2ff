"""axe-core in a page that is open: what of it some people cannot use."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from selenium.webdriver import Chrome

_PACKAGE = "axe_playwright_python"  # which brings axe-core; Playwright itself is not used


def missing_axe() -> str:
    """Why pages cannot be looked at by axe here; empty where they can."""
    return "" if find_spec(_PACKAGE) else "needs the package axe-playwright-python"


def violations(browser: Chrome) -> list[str]:
    """The rules that the page breaks, each with the first place where it does; the best practices, too."""
    spec = find_spec(_PACKAGE)
    assert spec is not None
    assert spec.origin is not None
    browser.set_script_timeout(120)
    browser.execute_script((Path(spec.origin).parent / "axe.min.js").read_text())
    found: dict[str, Any] = browser.execute_async_script(
        "axe.run(document, {resultTypes: ['violations']}).then(arguments[0], why => arguments[0](String(why)))"
    )
    assert isinstance(found, dict), found
    return [
        f"{rule['id']}: {rule['help']} ({len(rule['nodes'])}, as {rule['nodes'][0]['html'][:200]})"
        for rule in found["violations"]
    ]
