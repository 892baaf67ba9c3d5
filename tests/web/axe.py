"""Faults of accessibility in a page, as axe-core finds them. It is in vendor/ as `npm pack axe-core@4.14.1` had it (MPL 2)."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from playwright.async_api import Page

SCRIPT = Path(__file__).parent / "vendor" / "axe-core" / "axe.min.js"
SHA256 = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"
STANDARDS = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
COLOURS = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
"""What another theme can change."""
_RUN = """async (rules) => {
  const found = await axe.run(document, {runOnly: rules, resultTypes: ['violations']});
  return found.violations
    .filter(({impact}) => impact === 'serious' || impact === 'critical')
    .flatMap(({id, help, nodes}) => nodes.map((node) =>
      `${id}: ${help}: ${node.target.join(' ')}: ${node.html.slice(0, 160)} (${node.any.map((one) => one.message).join('; ')})`));
}"""


@cache
def _script() -> str:
    content = SCRIPT.read_bytes()
    assert hashlib.sha256(content).hexdigest() == SHA256, f"{SCRIPT} is not what was fetched"
    return content.decode()


async def faults(page: Page, rules: dict[str, Any] = STANDARDS) -> list[str]:
    """The serious and critical ones, a line for each element."""
    if not await page.evaluate("() => 'axe' in window"):
        await page.evaluate(_script())  # not as a script of the page, which its policy would refuse
    found: list[str] = await page.evaluate(_RUN, rules)
    return found
