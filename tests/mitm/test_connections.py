"""The way to Docker's hosts, by mitmproxy's own options."""

import traceback

import pytest
from mitmproxy.exceptions import OptionsError
from mitmproxy.options import Options

from hubv1.mitm.upstream import connections


def test_a_parent_proxy_is_the_first_of_the_modes_that_has_one() -> None:
    options = Options(mode=["regular", "upstream:http://a.example:3128", "upstream:http://b:1"])
    options.add_option("upstream_auth", str, "", "as mitmproxy's addon has it")
    assert connections(options).proxy == "http://a.example:3128"


@pytest.mark.parametrize("user", ["joe:geheim", "joe:ge/heim", "joe:x@geheim"])
def test_a_password_in_a_mode_is_refused_without_repeating_it(user: str) -> None:
    with pytest.raises(OptionsError, match="belong in upstream_auth") as refused:
        connections(Options(mode=[f"upstream:http://{user}@proxy.example:3128"]))
    assert "heim" not in "".join(traceback.format_exception(refused.value))
