"""Why one of Docker's hosts gave no answer, and what to do: the Hub client's failures in words."""

import ssl

import aiohttp

from hubv1.api.v2 import (
    Forbidden,
    HubFailure,
    Loop,
    NotFound,
    RateLimited,
    Unauthorized,
    Unreachable,
)
from hubv1.text import plainly

_ELSEWHERE = "Check whether something on the way answers in its place, and check {option}."
_ANOTHER_WAY = "or go through a parent proxy: -m upstream:http://PROXY:PORT."
_AUTHORITY = (
    "If it is out of date, check this machine's clock; if a proxy of your company opens TLS, name "
    "its CA: --set ssl_verify_upstream_trusted_ca=FILE."
)
_FILES = (
    "Check ssl_verify_upstream_trusted_ca, ssl_verify_upstream_trusted_confdir and client_certs."
)

_DIAGNOSES: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], str, str], ...] = (
    (Loop, "{failure}.", "Set {option} to where it really is; a hosts file must not name it."),
    (RateLimited, "{failure}.", "Wait: until then the bridge answers calls with 429."),
    (Unauthorized, "It wants credentials for what everybody may read ({failure}).", _ELSEWHERE),
    (Forbidden, "It refuses what everybody may read ({failure}).", _ELSEWHERE),
    (NotFound, "It has no library/hello-world, which Docker Hub has ({failure}).", _ELSEWHERE),
    (
        aiohttp.ClientHttpProxyError,
        "The parent proxy answers {cause.status}.",
        "Ask its owner to let the host through.",
    ),
    (
        aiohttp.ClientConnectorDNSError,
        "The name {cause.host} does not resolve.",
        f"Check this machine's DNS and hosts file, {_ANOTHER_WAY}",
    ),
    (
        aiohttp.ClientConnectorCertificateError,
        "The certificate of {cause.host} is not trusted: {cause.certificate_error.verify_message}.",
        _AUTHORITY,
    ),
    (
        aiohttp.ClientConnectorSSLError,
        "{cause.host}:{cause.port} does not speak TLS as it should ({reason}).",
        "Check the URL, and client_certs if that is set.",
    ),
    (
        ConnectionRefusedError,
        "{who}{cause.host}:{cause.port} refuses connections.",
        f"Check whether it runs, {_ANOTHER_WAY}",
    ),
    (
        TimeoutError,
        "It does not answer in time.",
        f"A firewall may keep this machine from it: open it, {_ANOTHER_WAY}",
    ),
    (
        aiohttp.ClientConnectorError,
        "{who}{cause.host}:{cause.port} cannot be reached: {reason}.",
        f"Check this machine's network, {_ANOTHER_WAY}",
    ),
    (
        (ssl.SSLError, FileNotFoundError, PermissionError),
        "A file of certificates cannot be used: {reason}.",
        _FILES,
    ),
    (Unreachable, "It fails: {failure}.", "Try again, and look at https://www.dockerstatus.com."),
    (HubFailure, "It answers, but not as Docker does: {failure}.", "Check {option}."),
)
"""A kind of failure or cause, what it means, and what to do; the first match counts."""


def diagnose(failure: HubFailure, option: str) -> tuple[str, str]:
    """What is wrong, and how to fix it, a sentence each; `option` names the host."""
    cause = failure.__cause__
    if getattr(cause, "status", None) == 407 or "answered 407" in str(failure):
        return (
            "The parent proxy wants a user name and password, or other ones (407).",
            "Set them: --set upstream_auth=USER:PASSWORD.",
        )
    signs = failure, cause, getattr(cause, "os_error", None)
    words = {
        "failure": failure,
        "cause": cause,
        "reason": plainly(signs[2] or cause or failure),
        "who": "The parent proxy " * isinstance(cause, aiohttp.ClientProxyConnectionError),
        "option": option,
    }
    sentence, remedy = next(
        texts for kind, *texts in _DIAGNOSES if any(isinstance(sign, kind) for sign in signs)
    )
    return sentence.format(**words), remedy.format(**words)
