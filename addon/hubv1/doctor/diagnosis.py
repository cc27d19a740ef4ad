"""Why a host of Docker's gave no answer, and what to do: failures of the Hub client in words."""

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

Diagnosis = tuple[str, str]
"""What is wrong, and how to mend it: a sentence each."""

_ANOTHER_WAY = "or go through a parent proxy: -m upstream:http://PROXY:PORT."
_AUTHORITY = (
    "If a proxy of your company opens TLS, name its CA: --set ssl_verify_upstream_trusted_ca=FILE."
)


def diagnose(failure: HubFailure, option: str) -> Diagnosis:
    """What a failure means; `option` names the host."""
    if isinstance(failure, Unreachable):
        return _unreachable(failure)
    for kind, sentence, mend in _ANSWERED:
        if isinstance(failure, kind):
            return sentence.format(failure), mend.format(option)
    if "answered 407" in str(failure):
        return _AUTHENTICATION
    return f"It answers, but not as Docker does: {failure}.", f"Look at {option}."


_ELSEWHERE = "Look whether something on the way answers in its place, and at {}."

_ANSWERED = (
    (Loop, "{}.", "Set {} to where it really is; a hosts file must not name it."),
    (RateLimited, "{}.", "Wait: until then calls are answered 429."),
    (Unauthorized, "It wants credentials for what everybody may read ({}).", _ELSEWHERE),
    (Forbidden, "It refuses what everybody may read ({}).", _ELSEWHERE),
    (NotFound, "It has no library/hello-world, which Docker Hub has ({}).", _ELSEWHERE),
)
_AUTHENTICATION = (
    "The parent proxy wants a user and password, or other ones (407).",
    "Set them: --set upstream_auth=USER:PASSWORD.",
)
_NOT_NOW = (9, 10)
"""OpenSSL's codes for a certificate that is not valid yet, and for one that has expired."""
_FILES = (
    "Look at ssl_verify_upstream_trusted_ca, ssl_verify_upstream_trusted_confdir and client_certs."
)


def _unreachable(failure: Unreachable) -> Diagnosis:
    cause = failure.__cause__
    if isinstance(cause, aiohttp.ClientHttpProxyError):
        if cause.status == 407:
            return _AUTHENTICATION
        return f"The parent proxy answers {cause.status}.", "Ask its owner to let the host through."
    if isinstance(cause, aiohttp.ClientConnectorDNSError):
        return (
            f"The name {cause.host} does not resolve.",
            f"Look at this machine's DNS and hosts file, {_ANOTHER_WAY}",
        )
    if isinstance(cause, TimeoutError):
        return (
            "It says nothing for too long.",
            f"A firewall may keep this machine from it: open it, {_ANOTHER_WAY}",
        )
    return _unconnected(cause) or (
        f"It fails: {failure}.",
        "Try again, and look at https://www.dockerstatus.com.",
    )


def _unconnected(cause: BaseException | None) -> Diagnosis | None:
    """What kept the connection itself from being made; None where it was made."""
    if isinstance(cause, aiohttp.ClientConnectorCertificateError):
        flaw = cause.certificate_error
        reason = getattr(flaw, "verify_message", str(flaw))
        is_a_matter_of_time = getattr(flaw, "verify_code", None) in _NOT_NOW
        return (
            f"The certificate of {cause.host} is not trusted: {reason}.",
            "Look at the clock of this machine." if is_a_matter_of_time else _AUTHORITY,
        )
    if isinstance(cause, aiohttp.ClientConnectorSSLError):
        return (
            f"{cause.host}:{cause.port} does not speak TLS as it should ({cause.os_error}).",
            "Look at the URL, and at client_certs if that is set.",
        )
    if isinstance(cause, aiohttp.ClientConnectorError):
        who = "The parent proxy" if isinstance(cause, aiohttp.ClientProxyConnectionError) else ""
        place = f"{who} {cause.host}:{cause.port}".strip()
        if isinstance(cause.os_error, ConnectionRefusedError):
            return f"{place} refuses connections.", f"Look whether it runs, {_ANOTHER_WAY}"
        return (
            f"There is no way to {place}: {cause.os_error.strerror or cause.os_error}.",
            f"Look at this machine's network, {_ANOTHER_WAY}",
        )
    if isinstance(cause, ssl.SSLError | FileNotFoundError | PermissionError):
        return (
            f"A file of certificates cannot be used: {cause.strerror or cause}.",
            _FILES,
        )
    return None
