"""Runs snippets of the report as if they were pasted into a shell: in their own processes, with an
empty home, a time limit, and only the secrets that a snippet is written for."""

import asyncio
import os
import re
import shutil
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from hubv1.hub import MASK, Basic
from hubv1.proof.comparison import Answered, Reading
from hubv1.replacements import Replacement, Snippet

SECONDS = 60.0
"""The time limit of a snippet."""
MOST_BYTES = 32 << 20
"""The most bytes that a snippet may print."""

UNNAMED_WAIT = 60
"""Seconds to wait after a 429, which a snippet does not tell: Hub's limits are per minute."""

_END_SECONDS = 5.0
"""The time limit for reading the rest of the output of a killed snippet."""
_SHOWN = 200
"""Characters of a snippet's message to show."""

TOOLS: Mapping[str, str] = {"curl": "curl", "skopeo": "skopeo", "python": "Python 3"}
"""The titles of snippets in the report, by the name of the tool that users type."""

_NEEDED = {"curl": ("bash", "curl", "jq"), "skopeo": ("bash", "skopeo", "jq"), "Python 3": ()}
_KEPT_VARIABLES = (
    *("PATH", "LANG", "LC_ALL", "SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE"),
    *("http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
)
"""The settings of this machine for the internet: a snippet gets nothing else of the user's."""

_STATUS = re.compile(
    r"(?:returned error: |HTTP Error |answered |StatusCode: |status code:? )(\d{3})\b"
)
"""A status in the messages of curl, Python, the snippets themselves and skopeo."""
_LIMITED = re.compile("toomanyrequests", re.IGNORECASE)
_DISTURBED = re.compile(
    r"curl: \((?:5|6|7|16|18|28|35|52|55|56|58|60|77|92)\)"  # connections, TLS, time
    r"|URLError|timed out|TimeoutError|i/o timeout|Client\.Timeout|RemoteDisconnected"
    r"|IncompleteRead|Connection(?:Reset|Refused)|connection (?:reset|refused)|no such host"
    r"|unexpected EOF|certificate|list changed while it was read"
)
_ABSENT = re.compile(r"No such tag|manifest unknown|name unknown", re.IGNORECASE)
_HIDDEN = re.compile(r"unauthorized|requested access to the resource is denied")
"""What the registry says of a repository that does not exist or is private."""


class RateLimitReached(Exception):
    """Docker's hosts answered 429."""

    def __init__(self, seconds: int) -> None:
        """`seconds` is how long to wait."""
        super().__init__(f"Docker Hub limits the rate of requests ({seconds} s)")
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Urls:
    """The URLs of Docker's hosts, for snippets."""

    hub: str = "https://hub.docker.com"
    registry: str = "https://registry-1.docker.io"
    auth: str = "https://auth.docker.io"
    images: str = "docker.io"
    """The prefix of repositories in the arguments of skopeo and the like."""

    def put_into(self, snippet: Snippet) -> Snippet:
        """A snippet for Docker's own hosts, changed for these."""
        code = snippet.code
        for docker, here in (
            (_DOCKERS.hub, self.hub),
            (_DOCKERS.registry, self.registry),
            (_DOCKERS.auth, self.auth),
            (f"docker://{_DOCKERS.images}/", f"docker://{self.images}/"),
            (f" {_DOCKERS.images}", f" {self.images}"),
        ):
            code = code.replace(docker, here)
        return replace(snippet, code=code)


_DOCKERS = Urls()


@dataclass(frozen=True, slots=True)
class Finished:
    """How a snippet ended."""

    code: int | None
    """Its exit code; None if it was killed, since it took too long or printed too much."""
    out: str
    err: str


class SnippetRunner:
    """Runs snippets against certain hosts."""

    def __init__(self, registry_url: str, account: Basic | None, seconds: float = SECONDS) -> None:
        """`account` is for snippets that sign in, `registry_url` for tools that insist on HTTPS."""
        self._registry = urlsplit(registry_url)
        self._account = account
        self._seconds = seconds

    async def run(self, snippet: Snippet, *, is_signed: bool) -> Finished:
        """Run a snippet in an empty home."""
        with TemporaryDirectory(prefix="hub-v1-prove-") as folder:
            home = Path(folder)
            script = home / "script"
            script.write_text(snippet.code, encoding="utf-8")
            self._allow_plain_http(home)
            process = await asyncio.create_subprocess_exec(
                *_interpreter(snippet),
                script,
                cwd=home,
                env=self._environment(home, is_signed=is_signed),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,
            )
            try:
                return await self._finished(process)
            finally:
                # Processes that it started end, too.
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                # `wait` alone would never return if nobody reads a full pipe.
                with suppress(TimeoutError):
                    async with asyncio.timeout(_END_SECONDS):
                        await process.communicate()

    async def _finished(self, process: asyncio.subprocess.Process) -> Finished:
        assert process.stdout  # noqa: S101  # PIPE was asked for
        assert process.stderr  # noqa: S101  # PIPE was asked for
        reads = [asyncio.ensure_future(_read(each)) for each in (process.stdout, process.stderr)]
        try:
            async with asyncio.timeout(self._seconds):
                out, err = await asyncio.gather(*reads)
                return Finished(await process.wait(), out, self._without_secret(err))
        except TimeoutError:
            return Finished(None, "", f"it took longer than {self._seconds:g} s")
        except _TooMuchError:
            return Finished(None, "", f"it printed more than {MOST_BYTES >> 20} MB")
        finally:
            for each in reads:
                each.cancel()
            await asyncio.gather(*reads, return_exceptions=True)

    def _without_secret(self, text: str) -> str:
        return text.replace(self._account.secret, MASK) if self._account else text

    def _environment(self, home: Path, *, is_signed: bool) -> dict[str, str]:
        kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
        more = {"HOME": str(home), "TMPDIR": str(home), "REGISTRY_AUTH_FILE": str(home / "auth")}
        if is_signed and self._account is not None:
            more["DOCKER_USERNAME"] = self._account.user
            more["DOCKER_TOKEN"] = self._account.secret
        return {"LANG": "C.UTF-8"} | kept | more

    def _allow_plain_http(self, home: Path) -> None:
        """Let skopeo use a registry without TLS, if it has an HTTP URL."""
        if self._registry.scheme == "https":
            return
        settings = home / ".config" / "containers" / "registries.conf"
        settings.parent.mkdir(parents=True)
        settings.write_text(
            f'[[registry]]\nlocation = "{self._registry.netloc}"\ninsecure = true\n',
            encoding="utf-8",
        )


def snippet_to_run(replacement: Replacement, tools: Sequence[str]) -> Snippet | None:
    """The recommended snippet, or else the first one whose programs are installed; `tools` are the
    titles to choose from. None if there is none."""
    possible = [each for each in replacement.snippets if each.title in tools and _is_here(each)]
    recommended = [each for each in possible if replacement.shortest in each.code]
    return next(iter(recommended or possible), None)


def reading_of(finished: Finished, *, is_list: bool) -> Reading:
    """What a snippet found; raises RateLimitReached if it met a 429.

    A snippet for a list prints a name on each line; one for a tag says by its exit code whether it
    exists.
    """
    if finished.code == 0:
        return Reading(Answered.FOUND, tuple(finished.out.splitlines()))
    said = " ".join(finished.err.split())
    statuses = _STATUS.findall(said)
    reason = said[-_SHOWN:] or f"exit code {finished.code}"
    if "429" in statuses or _LIMITED.search(said):
        raise RateLimitReached(UNNAMED_WAIT)
    if finished.code is None or _DISTURBED.search(said):
        return Reading(Answered.DISTURBED, reason=reason)
    is_hidden = is_list and ("401" in statuses or _HIDDEN.search(said))
    if "404" in statuses or _ABSENT.search(said) or is_hidden:
        return Reading(Answered.ABSENT)
    return Reading(Answered.FAILED, reason=reason)


class _TooMuchError(Exception):
    """A snippet printed more than is read."""


async def _read(stream: asyncio.StreamReader) -> str:
    pieces: list[bytes] = []
    size = 0
    while piece := await stream.read(1 << 16):
        size += len(piece)
        if size > MOST_BYTES:
            raise _TooMuchError
        pieces.append(piece)
    return b"".join(pieces).decode("utf-8", "backslashreplace")


def _interpreter(snippet: Snippet) -> Sequence[str]:
    is_python = snippet.language == "python"
    return (sys.executable, "-I") if is_python else (shutil.which("bash") or "bash",)


def _is_here(snippet: Snippet) -> bool:
    return all(shutil.which(program) for program in _NEEDED[snippet.title])
