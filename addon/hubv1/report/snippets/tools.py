"""Replacements with the tools that are made for registries: skopeo, crane and regctl.

They find what `docker login` or their own login left, and read all pages by themselves.
"""

_IMAGE = "docker.io/NAMESPACE/REPOSITORY"

_START = """\
#!/usr/bin/env bash
set -euo pipefail
"""
_LOGIN = """\
skopeo login --username "$DOCKER_USERNAME" --password-stdin docker.io \\
  <<< "$DOCKER_TOKEN" > /dev/null
"""

TAGS_LINE = f"skopeo list-tags docker://{_IMAGE}"
_TAGS = f"""\
skopeo list-tags docker://{_IMAGE} |
  jq -r '.Tags | sort_by(. != "latest", .)[]'
"""
_TAG = f"skopeo inspect --raw docker://{_IMAGE}:TAG > /dev/null\n"

OTHER_TAGS = (f"crane ls {_IMAGE}", f"regctl tag ls {_IMAGE}")
# By HEAD, which Docker does not count as a pull.
OTHER_TAG = (f"crane digest {_IMAGE}:TAG", f"regctl manifest head {_IMAGE}:TAG")


def tags(*, signed: bool) -> str:
    """Every tag of a repository, in v1's order."""
    return _START + (_LOGIN if signed else "") + _TAGS


def tag(*, signed: bool) -> str:
    """Whether there is a tag, by the exit status alone."""
    return _START + (_LOGIN if signed else "") + _TAG
