"""The stand-in's registry, and the catalog behind both."""

from __future__ import annotations

import pytest

from standin import Call, Catalog, Standin
from standin_tests.asking import APP, ask, basic, bearer, log_in


class TestRegistry:
    def token(self, hub: Standin, *names: str, headers: dict[str, str] | None = None) -> str:
        scopes = "&".join(f"scope=repository:{name}:pull" for name in names)
        url = f"{hub.auth_url}/token?service=registry.docker.io&{scopes}"
        return str(ask(url, headers=headers).json["token"])

    def test_it_challenges_with_the_realm_and_scope_of_the_repository(self, hub: Standin) -> None:
        answer = ask(hub.registry_url + "/v2/library/php/tags/list")
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"] == (
            f'Bearer realm="{hub.registry_url}/token",service="registry.docker.io",'
            'scope="repository:library/php:pull"'
        )

    def test_a_list_is_complete_and_ascending_in_one_answer(self, hub: Standin) -> None:
        token = self.token(hub, "library/php")
        answer = ask(hub.registry_url + "/v2/library/php/tags/list", headers=bearer(token))
        assert len(answer.json["tags"]) == 15_590
        assert answer.json["tags"] == sorted(answer.json["tags"])
        assert "Link" not in answer.headers

    @pytest.mark.parametrize(("query", "ours"), [("?n=40", 0), ("", 40), ("?n=90", 40)])
    def test_a_longer_list_is_linked_from_page_to_page(
        self, hub: Standin, query: str, ours: int
    ) -> None:
        hub.settings.registry_page = ours
        headers = bearer(self.token(hub, "library/busybox"))
        target, sizes, tags = "/v2/library/busybox/tags/list" + query, [], []
        while target:
            answer = ask(hub.registry_url + target, headers=headers)
            sizes.append(len(answer.json["tags"]))
            tags += answer.json["tags"]
            target = answer.headers.get("Link", "").partition(">")[0].removeprefix("<")
        assert sizes == [40, 40, 20]
        assert tags == sorted(set(tags))

    def test_a_token_is_good_for_its_scope_and_its_holder_only(self, hub: Standin) -> None:
        app = hub.registry_url + "/v2/acme/app/tags/list"
        owner = self.token(hub, "library/php", "acme/app", headers=basic("acme", "secret"))
        assert ask(app, headers=bearer(owner)).status == 200
        for weak in (self.token(hub, "acme/app"), self.token(hub, "library/php")):
            refused = ask(app, headers=bearer(weak))
            assert refused.status == 401
            assert 'error="insufficient_scope"' in refused.headers["WWW-Authenticate"]
        hubs_own = log_in(hub).json["access_token"]
        assert ask(app, headers=bearer(hubs_own)).status == 401
        assert ask(hub.url + APP, headers=bearer(owner)).status == 401

    def test_wrong_credentials_get_no_token(self, hub: Standin) -> None:
        assert ask(hub.auth_url + "/token", headers=basic("acme", "wrong")).status == 401

    def test_the_search_of_v1_is_alive_and_keeps_private_names(self, hub: Standin) -> None:
        found = ask(hub.registry_url + "/v1/search?q=a&n=2").json
        assert (found["num_results"], found["num_pages"], len(found["results"])) == (6, 3, 2)
        assert found["results"][0]["is_official"]
        assert ask(hub.registry_url + "/v1/search?q=acme%2Fapp").json["results"] == []


class TestCatalog:
    def test_it_may_change_between_two_pages(self, hub: Standin) -> None:
        hub.catalog.add("library/small", ["1", "2", "3"])

        def change(call: Call) -> None:
            if "page=2" in call.path:
                hub.catalog.add_tag("library/small", "4")
                hub.catalog.remove_tag("library/small", "1")

        hub.before_request(change)
        url = hub.url + "/v2/namespaces/library/repositories/small/tags?page_size=2"
        assert ask(url).json["count"] == 3
        assert ask(url + "&page=2").json["count"] == 3
        assert [tag.name for tag in hub.catalog["small"].tags()] == ["2", "3", "4"]

    def test_a_rule_answers_for_any_name_and_keeps_none(self, hub: Standin) -> None:
        hub.catalog.add_rule("bench/", tags=30)
        known = len(list(hub.catalog))
        pages = [
            ask(f"{hub.url}/v2/namespaces/bench/repositories/r{n}/tags").json for n in range(9)
        ]
        assert {page["count"] for page in pages} == {30}
        assert len({page["results"][0]["id"] for page in pages}) == 9
        assert len(list(hub.catalog)) == known

    def test_the_order_is_the_same_for_a_seed_and_another_for_another(self) -> None:
        one, again, other = (Catalog(seed).add("x", "abcdefgh").shelf for seed in (1, 1, 2))
        assert one.shuffled == again.shuffled != other.shuffled
