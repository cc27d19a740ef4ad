"""A stand-in for Docker Hub, for tests, the demo and benchmarks without the internet.

Three listeners in one process:

- the hub, for hub.docker.com: tags of API v2 (documented path and undocumented twin), the login,
  404 for the retired `…/images`, 410 for all of v1;
- the registry, for registry-1.docker.io and index.docker.io: `/v2/` and `tags/list` behind a
  Bearer challenge, the search of v1 that still lives, 410 for the rest of v1;
- auth, for auth.docker.io: tokens for the registry, good for what their holder may pull.

In a test:

    with Standin(Catalog.default(), Settings(rate_limit=5)) as hub:
        hub.catalog.add("library/debian", ["latest", "12"])
        hub.faults.add("page=2", faults.status(503), times=1)
        ...  # talk to hub.url, hub.registry_url, hub.auth_url
        assert [call.path for call in hub.calls] == [...]

In a process of its own: `python -m standin --help`. It prints one line of JSON with the URLs and
is steered under `/_standin/` on the hub (control.py; faults as JSON in presets.py).

What is uncertain about the real Docker Hub is gathered in uncertain.py, to be changed there: body
and headers of 410; the offset at which anonymous paging ends, and whether it is looked at before
the end of the list; the number of calls allowed a minute; how an unreadable `page` is answered;
the texts of 400, 401 and 429; how a locked name is told so; how long registry tokens live.
The order of tags is made up on purpose: nobody may rely on it.
"""

from . import bodies, faults
from .calls import Call
from .catalog import Catalog, Repository
from .held import Held
from .inprocess import Standin
from .settings import Settings
from .tags import Image, Quirk, Tag, make_tag

__all__ = [
    "Call",
    "Catalog",
    "Held",
    "Image",
    "Quirk",
    "Repository",
    "Settings",
    "Standin",
    "Tag",
    "bodies",
    "faults",
    "make_tag",
]
