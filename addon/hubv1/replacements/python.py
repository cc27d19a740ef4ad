"""Replacements with Python and nothing else.

Credentials are unredirected headers: urllib follows redirects, and would take others along.
"""

from collections.abc import Iterable

_START = """\
from urllib.request import Request, urlopen


def get(url, authorization=""):
    request = Request(url)
    if authorization:
        request.add_unredirected_header("Authorization", authorization)
    return urlopen(request, timeout=60)


"""

_BASIC = """\
pair = os.environ["DOCKER_USERNAME"] + ":" + os.environ["DOCKER_TOKEN"]
basic = "Basic " + base64.b64encode(pair.encode()).decode()
"""

_HUB_LOGIN = """\
login = {"identifier": os.environ["DOCKER_USERNAME"], "secret": os.environ["DOCKER_TOKEN"]}
kind = {"Content-Type": "application/json"}
asked = Request("https://hub.docker.com/v2/auth/token", json.dumps(login).encode(), kind)
with urlopen(asked, timeout=60) as reply:
    bearer = "Bearer " + json.load(reply)["access_token"]
"""

_TAGS = """\
repository = "NAMESPACE/REPOSITORY"
auth = "https://auth.docker.io/token?service=registry.docker.io"
with get(f"{auth}&scope=repository:{repository}:pull"@BASIC@) as reply:
    bearer = "Bearer " + json.load(reply)["token"]
with get(f"https://registry-1.docker.io/v2/{repository}/tags/list", bearer) as reply:
    if reply.headers["Link"]:
        sys.exit("There are more pages.")
    names = json.load(reply)["tags"] or []
for name in sorted(names, key=lambda name: (name != "latest", name)):
    print(name)
"""

_TAG = """\
url = "https://hub.docker.com/v2/namespaces/NAMESPACE/repositories/REPOSITORY/tags/TAG"
try:
    get(url@BEARER@).close()
except HTTPError as error:
    sys.exit("No such tag." if error.code == 404 else f"{url} answered {error.code}")
"""

_IMAGES = """\
hub = "https://hub.docker.com"
url = f"{hub}/v2/namespaces/NAMESPACE/repositories/REPOSITORY/tags?page_size=100"
tags = {}
while url:
    if not url.startswith(f"{hub}/"):
        sys.exit("The next page is elsewhere.")
    with get(url@BEARER@) as reply:
        page = json.load(reply)
    tags.update({tag["name"]: tag for tag in page["results"]})
    url = page["next"]
if len(tags) != page["count"]:
    sys.exit("The list changed while it was read.")
digests = set()
for tag in tags.values():
    images = {image["digest"] for image in tag["images"] or [] if image.get("digest")}
    digests |= images or {tag.get("digest")}
for digest in sorted(filter(None, digests)):
    print(digest)
"""


def tags(*, signed: bool) -> str:
    """Every tag of a repository, in v1's order, from the registry."""
    if not signed:
        return _script(["json", "sys"], _TAGS.replace("@BASIC@", ""))
    modules = ["base64", "json", "os", "sys"]
    return _script(modules, _BASIC + _TAGS.replace("@BASIC@", ", basic"))


def tag(*, signed: bool) -> str:
    """Whether there is a tag, by the exit status alone."""
    modules = ["json", "os", "sys"] if signed else ["sys"]
    return _script(modules, _hub(_TAG, signed=signed), "from urllib.error import HTTPError\n")


def images(*, signed: bool) -> str:
    """The digest of every image of a repository, once."""
    modules = ["json", "os", "sys"] if signed else ["json", "sys"]
    return _script(modules, _hub(_IMAGES, signed=signed))


def _hub(template: str, *, signed: bool) -> str:
    if not signed:
        return template.replace("@BEARER@", "")
    return _HUB_LOGIN + template.replace("@BEARER@", ", bearer")


def _script(modules: Iterable[str], body: str, more_imports: str = "") -> str:
    imports = "".join(f"import {module}\n" for module in modules)
    return imports + more_imports + _START + body
