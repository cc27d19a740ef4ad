"""Repositories and tags, read through API v2."""

from collections.abc import Callable

from hubv1 import v2
from hubv1.failures import Forbidden, Incomplete, NotFound
from hubv1.hub.effort import Effort
from hubv1.hub.reading import Value, value_of
from hubv1.hub.transport import Transport
from hubv1.names import Repository

PAGE_SIZE = 100
"""Tags on a page: the most that Hub gives, whatever is asked for."""
MOST_PAGES = 1_000
READINGS = 3
"""How often a list that changes under the reader's hands is read again."""

_PageDecoder = Callable[[bytes], v2.Page[v2.Item]]


class HubClient:
    """Reads repositories through API v2.

    Every method raises a `HubFailure` where it cannot give a complete and well-formed answer,
    and leaves how long to wait for one to its caller.
    """

    def __init__(self, url: str, transport: Transport) -> None:
        """`url` is where API v2 is."""
        self._url = url.rstrip("/")
        self._transport = transport

    async def tag(self, repository: Repository, tag: str, effort: Effort) -> v2.Tag:
        """One tag of a repository."""
        return await self._get(f"{_path(repository)}/{tag}", v2.read_tag, effort)

    async def tags(self, repository: Repository, effort: Effort) -> list[v2.Tag]:
        """All tags of a repository, each once, in no particular order."""
        return await self._all(repository, v2.read_tags, effort)

    async def tag_names(self, repository: Repository, effort: Effort) -> list[str]:
        """The names of all tags of a repository, each once, in no particular order."""
        return [tag.name for tag in await self._all(repository, v2.read_names, effort)]

    async def close(self) -> None:
        """Close the connections; new ones are opened if the client is used again."""
        await self._transport.close()

    async def _all(
        self, repository: Repository, decoder: _PageDecoder[v2.Item], effort: Effort
    ) -> list[v2.Item]:
        for _ in range(READINGS):
            tags = await self._read_through(repository, decoder, effort)
            if tags is not None:
                return tags
        raise Incomplete(f"the tags of {repository} never added up to the count that Hub gives")

    async def _read_through(
        self, repository: Repository, decoder: _PageDecoder[v2.Item], effort: Effort
    ) -> list[v2.Item] | None:
        """All tags, or None where the list changed so that some may have been missed.

        When a tag is deleted meanwhile, those behind it move up, perhaps onto a page that was
        read already. The falling count shows it.
        """
        found: dict[str, v2.Item] = {}
        count = 0
        for number in range(1, MOST_PAGES + 1):
            page = await self._page(repository, number, decoder, effort)
            if page is None or page.count < count:
                return None
            count = page.count
            found.update((tag.name, tag) for tag in page.results)
            if page.next is None:
                return list(found.values()) if len(found) >= count else None
        raise Incomplete(f"{repository} has more than {MOST_PAGES * PAGE_SIZE} tags")

    async def _page(
        self,
        repository: Repository,
        number: int,
        decoder: _PageDecoder[v2.Item],
        effort: Effort,
    ) -> v2.Page[v2.Item] | None:
        """One page of tags, or None past the end of the list."""
        path = f"{_path(repository)}?page_size={PAGE_SIZE}&page={number}"
        try:
            return await self._get(path, decoder, effort)
        except NotFound:
            if number == 1:
                raise
            return None
        except Forbidden as refusal:
            # Which offset is too far for an anonymous caller is not documented, so the refusal
            # itself is what counts: the beginning could be read, the rest could not.
            if number == 1:
                raise
            raise Incomplete(
                f"Docker Hub gives the first {(number - 1) * PAGE_SIZE} tags of {repository} to "
                f"anonymous callers and refuses the rest ({refusal})"
            ) from refusal

    async def _get(self, path: str, decoder: Callable[[bytes], Value], effort: Effort) -> Value:
        reply = await self._transport.get(self._url + path, effort)
        return value_of(reply, decoder, self._transport.via)


def _path(repository: Repository) -> str:
    return f"/v2/namespaces/{repository.namespace}/repositories/{repository.name}/tags"
