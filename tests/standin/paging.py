"""One page of a repository's tags, asked for by number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from .settings import Settings


@dataclass(frozen=True)
class Page:
    """`number` begins at 1, `size` is in tags. Number 0 is a page that cannot be."""

    number: int
    size: int
    rest: str = ""
    """What else was asked, as links to other pages repeat it."""

    @classmethod
    def asked(cls, query: Mapping[str, str], settings: Settings) -> Page:
        """The page that a query asks for; see uncertain.py about unreadable numbers."""
        size = _positive(query.get("page_size", "")) or settings.page_size
        number = _positive(query["page"]) if "page" in query else 1
        rest = {name: query[name] for name in ("name", "ordering") if name in query}
        return cls(number, min(size, settings.page_size_max), f"&{urlencode(rest)}" if rest else "")

    @property
    def offset(self) -> int:
        return (self.number - 1) * self.size

    def within(self, count: int) -> bool:
        """Whether a list of that length has this page. An empty list has its first."""
        return self.number == 1 or (self.number > 1 and self.offset < count)

    def render(self, url: str, names: tuple[str, ...], results: list[str]) -> str:
        """The answer: `names` are all there are, `results` the JSON of those on this page."""
        more = self.offset + self.size < len(names)
        following = self._link(url, self.number + 1) if more else "null"
        previous = self._link(url, self.number - 1) if self.number > 1 else "null"
        return (
            f'{{"count":{len(names)},"next":{following},"previous":{previous},'
            f'"results":[{",".join(results)}]}}'
        )

    def _link(self, url: str, number: int) -> str:
        return f'"{url}?page={number}&page_size={self.size}{self.rest}"'


def _positive(text: str) -> int:
    """The number, 0 where the text is none or is not positive. Ten digits are plenty."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 10 else 0
