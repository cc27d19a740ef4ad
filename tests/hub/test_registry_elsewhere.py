"""A registry that points elsewhere: where its tokens come from, and where its list goes on."""

import asyncio
from collections.abc import Iterator

import pytest

from hubv1.api.names import Repository
from hubv1.api.v2 import Nonsense
from hubv1.hub import RequestBudget, Transport
from hubv1.hub.exchange import Reply, Request
from hubv1.hub.registry import MOST_PAGES, Registry
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


def names_of(hub: Standin, budget: RequestBudget) -> list[str]:
    """The names, which have to be all that there are."""
    names = with_client(hub.url, lambda client: client.tag_names(MANY, budget), hub.registry_url)
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
        budget = RequestBudget()
        names_of(hub, budget)
        assert elsewhere.calls == []
        assert budget.upstream_calls == 1 + HUBS_PAGES
        assert "neither its own nor Docker's" in caplog.text

    @pytest.mark.parametrize(
        "realm",
        [
            "http://127.0.0.1:{auth}/token",
            "https://127.0.0.1:{port}/token",
            "http://127.0.0.1/token",
            "http://127.0.0.1:80/token",
            "http://[::ffff:127.0.0.1]:{port}/token",
            "http://127.1:{port}/token",
            "http://joe@127.0.0.1:{port}/token",
            "http://joe:secret@127.0.0.1:{port}/token",
            "ws://127.0.0.1:{port}/token",
            "https://auth.docker.io:8443/token",
            "https://auth.docker.io:80/token",
            "https://auth.docker.io./token",
            "https://joe@auth.docker.io/token",
            "https://127.0.0.1@auth.docker.io:444/token",
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
        ports = {"port": hub.registry_url, "auth": hub.auth_url}
        numbers = {name: url.rpartition(":")[2] for name, url in ports.items()}
        self.challenge(hub, realm.format(**numbers))
        budget = RequestBudget()
        names_of(hub, budget)
        assert budget.upstream_calls == 1 + HUBS_PAGES
        assert "neither its own nor Docker's" in caplog.text

    @pytest.mark.parametrize("origin", ["{url}", "HTTP://127.0.0.1:{port}"])
    def test_the_registrys_own_origin_is_asked_however_it_is_written(
        self, hub: Standin, origin: str
    ) -> None:
        port = hub.registry_url.rpartition(":")[2]
        self.challenge(hub, origin.format(url=hub.registry_url, port=port) + "/token")
        budget = RequestBudget()
        names_of(hub, budget)
        assert (budget.upstream_calls, budget.source) == (4, "registry")

    @pytest.mark.parametrize(
        "realm", ["https://auth.docker.io/token", "https://AUTH.docker.io:443/token"]
    )
    def test_dockers_own_is_asked_over_tls(self, realm: str) -> None:
        refusal = {"WWW-Authenticate": f'Bearer realm="{realm}",service="registry.docker.io"'}
        transport = Scripted(
            Reply("", 401, refusal, b""),
            Reply("", 200, {}, b'{"token": "abc"}'),
            Reply("", 200, {}, b'{"tags": ["1"]}'),
        )
        registry = Registry("https://registry-1.docker.io", transport)
        assert asyncio.run(registry.tag_names(MANY, RequestBudget())) == ["1"]
        whole_list = f"https://registry-1.docker.io{LIST}"
        query = "?service=registry.docker.io&scope=repository:library/many:pull"
        assert transport.asked == [
            (whole_list, {}),
            (f"https://auth.docker.io/token{query}", {}),
            (whole_list, {"Authorization": "Bearer abc"}),
        ]

    def test_a_basic_challenge_is_none_that_could_be_met(self) -> None:
        basic = {"WWW-Authenticate": 'Basic realm="https://auth.docker.io/token"'}
        transport = Scripted(Reply("", 401, basic, b""))
        with pytest.raises(Nonsense):
            asyncio.run(Registry("https://127.0.0.1", transport).tag_names(MANY, RequestBudget()))


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
        budget = RequestBudget()
        names_of(hub, budget)
        assert budget.source == "registry"
        first, *pages = [call for call in hub.calls if call.listener == "registry"]
        assert "authorization" not in first.headers
        assert len(pages) == count
        assert len({call.headers["authorization"] for call in pages}) == 1
        assert len([call for call in hub.calls if call.listener == "auth"]) == 1

    def test_pages_are_followed_by_a_whole_url_too(self, hub: Standin) -> None:
        rest = {"tags": list(hub.catalog["many"].shelf.ascending[100:])}
        self.continued(hub, f"{hub.registry_url}{LIST}?last=x&n=100")
        hub.faults.add("last=x", faults.status(200, rest), listener="registry")
        budget = RequestBudget()
        names_of(hub, budget)
        assert (budget.upstream_calls, budget.source) == (3, "registry")

    def test_another_host_gets_no_request(
        self, hub: Standin, elsewhere: Standin, caplog: pytest.LogCaptureFixture
    ) -> None:
        for url in (elsewhere.registry_url, by_name(hub.registry_url), hub.auth_url):
            hub.forget_calls()
            self.continued(hub, f"{url}{LIST}?last=x")
            budget = RequestBudget()
            names_of(hub, budget)
            assert budget.upstream_calls == 1 + HUBS_PAGES
            assert len([call for call in hub.calls if call.listener != "hub"]) == 1
        assert elsewhere.calls == []
        assert caplog.text.count("continues its list of tags at another URL") == 3

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
            "http://joe:secret@127.0.0.1:{port}/v2/library/many/tags/list?last=x",
        ],
    )
    def test_another_place_gets_no_request(
        self, hub: Standin, caplog: pytest.LogCaptureFixture, link: str
    ) -> None:
        self.continued(hub, link.replace("{port}", hub.registry_url.rpartition(":")[2]))
        budget = RequestBudget()
        names_of(hub, budget)
        assert (budget.upstream_calls, budget.source) == (1 + HUBS_PAGES, "hub")
        assert "continues its list of tags at another URL" in caplog.text

    def test_a_list_that_never_ends_is_given_up(
        self, hub: Standin, caplog: pytest.LogCaptureFixture
    ) -> None:
        page = faults.status(200, {"tags": ["1"]}, {"Link": f'<{LIST}?last=1>; rel="next"'})
        hub.faults.add(LIST, page, listener="registry")
        budget = RequestBudget()
        names_of(hub, budget)
        assert budget.upstream_calls <= 1 + MOST_PAGES + 1 + HUBS_PAGES
        assert f"more than {MOST_PAGES} pages" in caplog.text

    def test_a_page_that_fails_makes_no_shorter_list(self, hub: Standin) -> None:
        hub.settings.registry_page = 100
        hub.faults.add("last=", faults.status(500), listener="registry", skip=1)
        budget = RequestBudget()
        names_of(hub, budget)
        assert budget.source == "hub"


class Scripted(Transport):
    """Gives these replies, one after the other, to whatever is asked for."""

    def __init__(self, *replies: Reply) -> None:
        super().__init__(VIA, "tests")
        self.replies = list(replies)
        self.asked: list[tuple[str, dict[str, str]]] = []

    async def send(self, request: Request, budget: RequestBudget) -> Reply:
        self.asked.append((request.url, dict(request.headers)))
        return self.replies.pop(0)
