"""A registry that points elsewhere: where its tokens come from, and where its list goes on."""

import asyncio
from collections.abc import Iterator

import pytest

from hubv1.api.errors import Nonsense
from hubv1.api.names import Repository
from hubv1.hub import Inquiry, Transport
from hubv1.hub.messages import Reply, Request
from hubv1.hub.registry import MOST_PAGES, Registry
from hubv1.hub.upstream import Upstream
from samples import VIA, with_client
from standin import Catalog, Standin, faults

MANY = Repository("library", "many")
LIST = "/v2/library/many/tags/list"
SIZE = 450
HUBS_PAGES = 5


@pytest.fixture
def hub() -> Iterator[Standin]:
    catalog = Catalog()
    catalog.add_generated("many", SIZE)
    with Standin(catalog) as running:
        yield running


@pytest.fixture
def elsewhere() -> Iterator[Standin]:
    """Another server, which would answer."""
    catalog = Catalog()
    catalog.add_generated("many", SIZE)
    with Standin(catalog) as running:
        yield running


def names_of(hub: Standin, inquiry: Inquiry) -> list[str]:
    """The names, which have to be all that there are."""
    names = with_client(hub.url, lambda client: client.tag_names(MANY, inquiry), hub.registry_url)
    assert sorted(names, key=str.encode) == list(hub.catalog["many"].shelf.ascending)
    return names


def by_name(url: str) -> str:
    """The same server under another name."""
    return url.replace("127.0.0.1", "localhost")


class TestTheRealm:
    def challenge(self, hub: Standin, realm: str) -> None:
        header = {"WWW-Authenticate": f'Bearer realm="{realm}",service="registry.docker.io"'}
        hub.faults.add(LIST, faults.status(401, headers=header), listener="registry", times=1)

    def test_on_another_host_it_gets_no_request(
        self, hub: Standin, elsewhere: Standin, caplog: pytest.LogCaptureFixture
    ) -> None:
        self.challenge(hub, by_name(elsewhere.auth_url) + "/token")
        inquiry = Inquiry()
        names_of(hub, inquiry)
        assert elsewhere.calls == []
        assert inquiry.upstream_calls == 1 + HUBS_PAGES
        assert "neither its own nor Docker's" in caplog.text

    @pytest.mark.parametrize(
        "realm",
        [
            "https://127.0.0.1:{port}/token",
            "http://auth.docker.io/token",
            "https://auth.docker.io.example/token",
            "https://auth.docker.io@example.test/token",
            "//example.test/token",
            "/token",
            "http://[::1/token",
            "http://127.0.0.1:999999/token",
            "",
        ],
    )
    def test_what_is_neither_the_registrys_nor_dockers_is_not_asked(
        self, hub: Standin, caplog: pytest.LogCaptureFixture, realm: str
    ) -> None:
        self.challenge(hub, realm.format(port=hub.auth_url.rpartition(":")[2]))
        inquiry = Inquiry()
        names_of(hub, inquiry)
        assert inquiry.upstream_calls == 1 + HUBS_PAGES
        assert "neither its own nor Docker's" in caplog.text

    def test_dockers_own_is_asked_over_tls(self) -> None:
        realm = "https://auth.docker.io/token"
        refusal = {"WWW-Authenticate": f'Bearer realm="{realm}",service="registry.docker.io"'}
        transport = Scripted(
            Reply("", 401, refusal, b""),
            Reply("", 200, {}, b'{"token": "abc"}'),
            Reply("", 200, {}, b'{"tags": ["1"]}'),
        )
        registry = Registry("https://registry-1.docker.io", Upstream(transport))
        assert asyncio.run(registry.tag_names(MANY, Inquiry())) == {"1"}
        whole_list = f"https://registry-1.docker.io{LIST}"
        query = "?service=registry.docker.io&scope=repository:library/many:pull"
        assert transport.asked == [
            (whole_list, {}),
            (realm + query, {}),
            (whole_list, {"Authorization": "Bearer abc"}),
        ]

    def test_a_basic_challenge_is_none_that_could_be_met(self) -> None:
        basic = {"WWW-Authenticate": 'Basic realm="https://auth.docker.io/token"'}
        transport = Scripted(Reply("", 401, basic, b""))
        with pytest.raises(Nonsense):
            asyncio.run(
                Registry("https://127.0.0.1", Upstream(transport)).tag_names(MANY, Inquiry())
            )


class TestTheLink:
    def continued(self, hub: Standin, link: str) -> None:
        page = {"tags": list(hub.catalog["many"].shelf.ascending[:100])}
        headers = {"Link": f'<{link}>; rel="next"'}
        hub.faults.add(LIST, faults.status(200, page, headers), listener="registry", times=1)

    @pytest.mark.parametrize(("size", "count"), [(5, 90), (100, 5), (149, 4), (150, 3), (449, 2)])
    def test_pages_are_followed_with_the_token_that_the_first_was_read_with(
        self, hub: Standin, size: int, count: int
    ) -> None:
        hub.settings.registry_page = size
        inquiry = Inquiry()
        names_of(hub, inquiry)
        assert inquiry.source == "registry"
        first, *pages = [call for call in hub.calls if call.listener == "registry"]
        assert "authorization" not in first.headers
        assert len(pages) == count
        assert len({call.headers["authorization"] for call in pages}) == 1
        assert len([call for call in hub.calls if call.listener == "auth"]) == 1

    def test_pages_are_followed_by_a_whole_url_too(self, hub: Standin) -> None:
        rest = {"tags": list(hub.catalog["many"].shelf.ascending[100:])}
        self.continued(hub, f"{hub.registry_url}{LIST}?last=x&n=100")
        hub.faults.add("last=x", faults.status(200, rest), listener="registry")
        inquiry = Inquiry()
        names_of(hub, inquiry)
        assert (inquiry.upstream_calls, inquiry.source) == (3, "registry")

    def test_another_host_gets_no_request(
        self, hub: Standin, elsewhere: Standin, caplog: pytest.LogCaptureFixture
    ) -> None:
        for url in (elsewhere.registry_url, by_name(hub.registry_url), hub.auth_url):
            hub.forget_calls()
            self.continued(hub, f"{url}{LIST}?last=x")
            inquiry = Inquiry()
            names_of(hub, inquiry)
            assert inquiry.upstream_calls == 1 + HUBS_PAGES
            assert len([call for call in hub.calls if call.listener != "hub"]) == 1
        assert elsewhere.calls == []
        assert caplog.text.count("continues its list of tags at another place") == 3

    @pytest.mark.parametrize(
        "link",
        [
            "/v2/library/other/tags/list?last=x",
            "/v2/library/many/tags/list/../../../other/tags/list",
            "../list2?last=x",
            "/",
            "//example.test/v2/library/many/tags/list?last=x",
            "ftp://127.0.0.1/v2/library/many/tags/list",
            "mailto:joe@example.test",
            "http://[::1",
            "http://127.0.0.1:999999/",
        ],
    )
    def test_another_place_gets_no_request(
        self, hub: Standin, caplog: pytest.LogCaptureFixture, link: str
    ) -> None:
        self.continued(hub, link)
        inquiry = Inquiry()
        names_of(hub, inquiry)
        assert (inquiry.upstream_calls, inquiry.source) == (1 + HUBS_PAGES, "hub")
        assert "continues its list of tags at another place" in caplog.text

    def test_a_list_that_never_ends_is_given_up(
        self, hub: Standin, caplog: pytest.LogCaptureFixture
    ) -> None:
        page = faults.status(200, {"tags": ["1"]}, {"Link": f'<{LIST}?last=1>; rel="next"'})
        hub.faults.add(LIST, page, listener="registry")
        inquiry = Inquiry()
        names_of(hub, inquiry)
        assert inquiry.upstream_calls <= 1 + MOST_PAGES + 1 + HUBS_PAGES
        assert f"more than {MOST_PAGES} pages" in caplog.text

    def test_a_page_that_fails_makes_no_shorter_list(self, hub: Standin) -> None:
        hub.settings.registry_page = 100
        hub.faults.add("last=", faults.status(500), listener="registry", skip=1)
        inquiry = Inquiry()
        names_of(hub, inquiry)
        assert inquiry.source == "hub"


class Scripted(Transport):
    """Gives these replies, one after the other, to whatever is asked for."""

    def __init__(self, *replies: Reply) -> None:
        super().__init__(VIA, "tests")
        self.replies = list(replies)
        self.asked: list[tuple[str, dict[str, str]]] = []

    async def send(self, request: Request, inquiry: Inquiry) -> Reply:
        self.asked.append((request.url, dict(request.headers)))
        return self.replies.pop(0)
