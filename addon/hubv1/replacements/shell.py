"""Replacements for the shell: with curl and jq, and with the tools made for registries.

Those (skopeo, crane and regctl) find what `docker login` or their own login left, and read all
pages by themselves. In the scripts for curl, secrets go through pipes: every user of the machine
can read command lines. The last command of a script is the one that prints, and it fails where it
was not given everything; so a list is whole even where `set -e` has no force, as in a function that
stands in a condition.
"""

_START = """\
#!/usr/bin/env bash
set -euo pipefail
"""

_HUB_LOGIN = """\
token=$(jq -n '{identifier: env.DOCKER_USERNAME, secret: env.DOCKER_TOKEN}' |
  curl -fsS -H 'Content-Type: application/json' -d @- https://hub.docker.com/v2/auth/token |
  jq -r '.access_token // error("no token")')
"""

_REGISTRY_LOGIN = """\
auth="https://auth.docker.io/token?service=registry.docker.io&scope=repository:$repository:pull"
token=$(curl -fsS "$auth" | jq -r '.token // error("no token")')
"""

_SIGNED_REGISTRY_LOGIN = """\
auth="https://auth.docker.io/token?service=registry.docker.io&scope=repository:$repository:pull"
basic=$(printf '%s' "$DOCKER_USERNAME:$DOCKER_TOKEN" | base64 | tr -d '\\n')
token=$(curl -fsS -H @- "$auth" <<< "Authorization: Basic $basic" |
  jq -r '.token // error("no token")')
"""

# Docker's registry gives the whole list at once. One that does not says so in Link.
_TAGS = """\
answer=$(curl -fsSi -H @- "https://registry-1.docker.io/v2/$repository/tags/list" \\
  <<< "Authorization: Bearer $token")
[[ $answer != *$'\\n'[Ll]ink:* ]] || { echo 'There are more pages.' >&2; exit 1; }
jq -nr 'input | if has("tags") then .tags // [] else error("no list of tags") end |
  sort_by(. != "latest", .)[]' <<< "${answer##*$'\\r\\n\\r\\n'}"
"""

_TAG = "https://hub.docker.com/v2/namespaces/NAMESPACE/repositories/REPOSITORY/tags/TAG"

_IMAGES = """\
hub=https://hub.docker.com
url="$hub/v2/namespaces/NAMESPACE/repositories/REPOSITORY/tags?page_size=100"
pages=
while [[ $url ]]; do
  [[ $url == "$hub"/* ]] || { echo 'The next page is elsewhere.' >&2; exit 1; }
  page=@CURL@
  pages+=$page
  url=$(jq -r '.next // empty' <<< "$page")
done
jq -rs 'if (map(.results[].name) | unique | length) == .[-1].count
  then map(.results[] | .images[]?.digest // .digest // empty) | unique[]
  else error("the list changed while it was read") end' <<< "$pages"
"""
_CURL = '$(curl -fsS "$url")'
_SIGNED_CURL = '$(curl -fsS -H @- "$url" <<< "Authorization: Bearer $token")'

TAG_LINE = f"curl -fsS -o /dev/null {_TAG}"

_IMAGE = "docker.io/NAMESPACE/REPOSITORY"
_SKOPEO_LOGIN = """\
skopeo login --username "$DOCKER_USERNAME" --password-stdin docker.io \\
  <<< "$DOCKER_TOKEN" > /dev/null
"""

SKOPEO_TAGS_LINE = f"skopeo list-tags docker://{_IMAGE}"
_SKOPEO_TAGS = f"""\
skopeo list-tags docker://{_IMAGE} |
  jq -r '.Tags | sort_by(. != "latest", .)[]'
"""
_SKOPEO_TAG = f"skopeo inspect --raw docker://{_IMAGE}:TAG > /dev/null\n"

OTHER_TAGS = (f"crane ls {_IMAGE}", f"regctl tag ls {_IMAGE}")
# By HEAD, which Docker does not count as a pull.
OTHER_TAG = (f"crane digest {_IMAGE}:TAG", f"regctl manifest head {_IMAGE}:TAG")


def tags(*, signed: bool) -> str:
    """Every tag of a repository, in v1's order, from the registry: Hub's pages end early."""
    login = _SIGNED_REGISTRY_LOGIN if signed else _REGISTRY_LOGIN
    return f"{_START}repository=NAMESPACE/REPOSITORY\n{login}{_TAGS}"


def tag(*, signed: bool) -> str:
    """Whether there is a tag, by the exit status alone."""
    if not signed:
        return f"#!/usr/bin/env bash\n{TAG_LINE}\n"
    check = 'curl -fsS -o /dev/null -H @- "$url" <<< "Authorization: Bearer $token"'
    return f"{_START}{_HUB_LOGIN}url={_TAG}\n{check}\n"


def images(*, signed: bool) -> str:
    """The digest of every image of a repository, once."""
    curl = _SIGNED_CURL if signed else _CURL
    return _START + (_HUB_LOGIN if signed else "") + _IMAGES.replace("@CURL@", curl)


def skopeo_tags(*, signed: bool) -> str:
    """Every tag of a repository, in v1's order."""
    return _START + (_SKOPEO_LOGIN if signed else "") + _SKOPEO_TAGS


def skopeo_tag(*, signed: bool) -> str:
    """Whether there is a tag, by the exit status alone."""
    return _START + (_SKOPEO_LOGIN if signed else "") + _SKOPEO_TAG
