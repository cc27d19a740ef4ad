"""Scripts in place of a v1 call: with curl and jq, with the tools for registries, with Python.

Between « and » is what only a script with credentials has. A script fails, and prints nothing,
where it cannot do all that it is for. In those for the shell the last command is the one that
prints, so a list is whole even where `set -e` has no force, as in a function that stands in a
condition; secrets go through pipes, since every user of the machine can read command lines. Tools
for registries find what `docker login` or their own login left, and read all pages. Python's
urllib takes credentials along when it is redirected, unless their header is an unredirected one.
"""

import re

from hubv1.api.routes import Listing

_SIGNED_PART = re.compile("«(.*?)»", re.DOTALL)
_BASH = "#!/usr/bin/env bash\nset -euo pipefail\n"
_BASH_LOGIN = """\
«token=$(jq -n '{identifier: env.DOCKER_USERNAME, secret: env.DOCKER_TOKEN}' |
  curl -fsS -H 'Content-Type: application/json' -d @- https://hub.docker.com/v2/auth/token |
  jq -r '.access_token // error("no token")')
»"""

# Docker's registry gives the whole list at once. One that does not says so in Link.
_CURL_TAGS = """\
repository=NAMESPACE/REPOSITORY
auth="https://auth.docker.io/token?service=registry.docker.io&scope=repository:$repository:pull"
«basic=$(printf '%s' "$DOCKER_USERNAME:$DOCKER_TOKEN" | base64 | tr -d '\\n')
»token=$(curl -fsS« -H @-» "$auth"« <<< "Authorization: Basic $basic"» |
  jq -r '.token // error("no token")')
answer=$(curl -fsSi -H @- "https://registry-1.docker.io/v2/$repository/tags/list" \\
  <<< "Authorization: Bearer $token")
[[ $answer != *$'\\n'[Ll]ink:* ]] || { echo 'There are more pages.' >&2; exit 1; }
jq -nr 'input | if has("tags") then .tags // [] else error("no list of tags") end |
  sort_by(. != "latest", .)[]' <<< "${answer##*$'\\r\\n\\r\\n'}"
"""

_TAG = "https://hub.docker.com/v2/namespaces/NAMESPACE/repositories/REPOSITORY/tags/TAG"
TAG_LINE = f"curl -fsS -o /dev/null {_TAG}"
_CURL_TAG = f"""\
{TAG_LINE}« \\
  -H @- <<< "Authorization: Bearer $token"»
"""

_CURL_IMAGES = """\
hub=https://hub.docker.com
url="$hub/v2/namespaces/NAMESPACE/repositories/REPOSITORY/tags?page_size=100"
pages=
while [[ $url ]]; do
  [[ $url == "$hub"/* ]] || { echo 'The next page is elsewhere.' >&2; exit 1; }
  page=$(curl -fsS« -H @-» "$url"« <<< "Authorization: Bearer $token"»)
  pages+=$page
  url=$(jq -r '.next // empty' <<< "$page")
done
jq -rs 'if (map(.results[].name) | unique | length) == .[-1].count
  then map(.results[] | .images[]?.digest // .digest // empty) | unique[]
  else error("the list changed while it was read") end' <<< "$pages"
"""

_IMAGE = "docker.io/NAMESPACE/REPOSITORY"
_SKOPEO = f"""\
{_BASH}«skopeo login --username "$DOCKER_USERNAME" --password-stdin docker.io \\
  <<< "$DOCKER_TOKEN" > /dev/null
»"""
SKOPEO_TAGS_LINE = f"skopeo list-tags docker://{_IMAGE}"
_SKOPEO_TAGS = f"""\
{SKOPEO_TAGS_LINE} |
  jq -r '.Tags | sort_by(. != "latest", .)[]'
"""
_SKOPEO_TAG = f"skopeo inspect --raw docker://{_IMAGE}:TAG > /dev/null\n"

OTHER_TAGS = (f"crane ls {_IMAGE}", f"regctl tag ls {_IMAGE}")
# By HEAD, which Docker does not count as a pull.
OTHER_TAG = (f"crane digest {_IMAGE}:TAG", f"regctl manifest head {_IMAGE}:TAG")

_PYTHON = """\
from urllib.request import Request, urlopen


def get(url, authorization=""):
    request = Request(url)
    if authorization:
        request.add_unredirected_header("Authorization", authorization)
    return urlopen(request, timeout=60)


"""
_PYTHON_LOGIN = """\
«login = {"identifier": os.environ["DOCKER_USERNAME"], "secret": os.environ["DOCKER_TOKEN"]}
kind = {"Content-Type": "application/json"}
asked = Request("https://hub.docker.com/v2/auth/token", json.dumps(login).encode(), kind)
with urlopen(asked, timeout=60) as reply:
    bearer = "Bearer " + json.load(reply)["access_token"]
»"""

_PYTHON_TAGS = f"""\
«import base64
»import json
«import os
»import sys
{_PYTHON}\
«pair = os.environ["DOCKER_USERNAME"] + ":" + os.environ["DOCKER_TOKEN"]
basic = "Basic " + base64.b64encode(pair.encode()).decode()
»repository = "NAMESPACE/REPOSITORY"
auth = "https://auth.docker.io/token?service=registry.docker.io"
with get(f"{{auth}}&scope=repository:{{repository}}:pull"«, basic») as reply:
    bearer = "Bearer " + json.load(reply)["token"]
with get(f"https://registry-1.docker.io/v2/{{repository}}/tags/list", bearer) as reply:
    if reply.headers["Link"]:
        sys.exit("There are more pages.")
    names = json.load(reply)["tags"] or []
for name in sorted(names, key=lambda name: (name != "latest", name)):
    print(name)
"""

_PYTHON_TAG = f"""\
«import json
import os
»import sys
from urllib.error import HTTPError
{_PYTHON}{_PYTHON_LOGIN}\
url = "{_TAG}"
try:
    get(url«, bearer»).close()
except HTTPError as error:
    sys.exit("No such tag." if error.code == 404 else f"{{url}} answered {{error.code}}")
"""

_PYTHON_IMAGES = f"""\
import json
«import os
»import sys
{_PYTHON}{_PYTHON_LOGIN}\
hub = "https://hub.docker.com"
url = f"{{hub}}/v2/namespaces/NAMESPACE/repositories/REPOSITORY/tags?page_size=100"
tags = {{}}
while url:
    if not url.startswith(f"{{hub}}/"):
        sys.exit("The next page is elsewhere.")
    with get(url«, bearer») as reply:
        page = json.load(reply)
    tags.update({{tag["name"]: tag for tag in page["results"]}})
    url = page["next"]
if len(tags) != page["count"]:
    sys.exit("The list changed while it was read.")
digests = set()
for tag in tags.values():
    images = {{image["digest"] for image in tag["images"] or [] if image.get("digest")}}
    digests |= images or {{tag.get("digest")}}
for digest in sorted(filter(None, digests)):
    print(digest)
"""

_SCRIPTS = {
    Listing.TAGS: (_BASH + _CURL_TAGS, _SKOPEO + _SKOPEO_TAGS, _PYTHON_TAGS),
    Listing.TAG: (_BASH + _BASH_LOGIN + _CURL_TAG, _SKOPEO + _SKOPEO_TAG, _PYTHON_TAG),
    Listing.IMAGES: (_BASH + _BASH_LOGIN + _CURL_IMAGES, "", _PYTHON_IMAGES),
}
"""For each listing: with curl, with skopeo and with Python, as far as these can do it."""


def scripts_for(listing: Listing, *, signed: bool) -> tuple[str, str, str]:
    """The scripts that give what a call for that listing gave, with NAMES in capitals."""
    kept = r"\1" if signed else ""
    curl, skopeo, python = (
        re.sub("«(.*?)»", kept, code, flags=re.DOTALL) for code in _SCRIPTS[listing]
    )
    return curl, skopeo, python
