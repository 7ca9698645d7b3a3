"""What is looked for on every page: errors, requests to other hosts, sideways scrolling, barriers."""

from typing import Any

from playwright.sync_api import ConsoleMessage, Locator, Page, Request

_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# What is as it should be stays in the browser: of a list with 50 rows it would be megabytes.
_VIOLATIONS = """async rules =>
    (await axe.run(document, {runOnly: rules, resultTypes: ["violations"], elementRef: false})).violations"""


class Looked:
    """A window, and what went wrong in it."""

    def __init__(self, page: Page, url: str, axe: str) -> None:
        self.page = page
        self.wrong: list[str] = []
        self._url, self._axe = url, axe
        page.on("console", self._said)
        page.on("pageerror", lambda problem: self.wrong.append(f"script error on {page.url}: {problem}"))
        page.on("request", self._asked)

    def go(self, address: str) -> Page:
        """Open a page, which must be there."""
        answer = self.page.goto(address)
        assert answer is not None
        assert answer.status == 200, f"{address}: {answer.status}"
        return self.page

    def follow(self, link: Locator) -> None:
        """Click what leads to another page, and wait for that."""
        with self.page.expect_navigation():
            link.click()

    def check(self) -> None:
        """Fail where the page, or anything since the window was opened, is not as it should be."""
        # A click that leads elsewhere gives the old page a moment more.
        self.page.wait_for_load_state()
        width = self.page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        if width[0] > width[1]:
            self.wrong.append(f"{self.page.url} scrolls sideways: {width[0]} in {width[1]}")
        self.page.evaluate(self._axe)
        self.wrong += [self._barrier(violation) for violation in self.page.evaluate(_VIOLATIONS, _RULES)]
        assert not self.wrong, "\n".join(self.wrong)

    def _barrier(self, violation: dict[str, Any]) -> str:
        places = "; ".join(node["html"][:200] for node in violation["nodes"][:3])
        return f"{self.page.url}: {violation['id']}: {violation['help']}: {places}"

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.wrong.append(f"console {message.type} on {self.page.url}: {message.text}")

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((self._url, "data:", "blob:")):
            self.wrong.append(f"a request to another host: {request.url}")
