"""Why one of Docker's hosts gave no answer, and what to do: failures of the Hub client in words."""

import ssl

import aiohttp

from hubv1.api.errors import (
    Forbidden,
    HubFailure,
    Loop,
    NotFound,
    RateLimited,
    Unauthorized,
    Unreachable,
)

Diagnosis = tuple[str, str]
"""What is wrong, and how to fix it: a sentence each."""

_ELSEWHERE = "Check whether something on the way answers in its place, and check {}."
_ANSWERED = (
    (Loop, "{}.", "Set {} to where it really is; a hosts file must not name it."),
    (RateLimited, "{}.", "Wait: until then the bridge answers calls with 429."),
    (Unauthorized, "It wants credentials for what everybody may read ({}).", _ELSEWHERE),
    (Forbidden, "It refuses what everybody may read ({}).", _ELSEWHERE),
    (NotFound, "It has no library/hello-world, which Docker Hub has ({}).", _ELSEWHERE),
)
_ANOTHER_WAY = "or go through a parent proxy: -m upstream:http://PROXY:PORT."
_AUTHORITY = (
    "If a proxy of your company opens TLS, name its CA: --set ssl_verify_upstream_trusted_ca=FILE."
)
_AUTHENTICATION = (
    "The parent proxy wants a user name and password, or other ones (407).",
    "Set them: --set upstream_auth=USER:PASSWORD.",
)
_FILES = (
    "Check ssl_verify_upstream_trusted_ca, ssl_verify_upstream_trusted_confdir and client_certs."
)
_NOT_NOW = (9, 10)
"""OpenSSL's codes for a certificate that is not valid yet, and for one that has expired."""


def diagnose(failure: HubFailure, option: str) -> Diagnosis:
    """What a failure means; `option` names the host."""
    if isinstance(failure, Unreachable):
        return _connection(failure.__cause__) or _silence(failure)
    for kind, sentence, remedy in _ANSWERED:
        if isinstance(failure, kind):
            return sentence.format(failure), remedy.format(option)
    if "answered 407" in str(failure):
        return _AUTHENTICATION
    return f"It answers, but not as Docker does: {failure}.", f"Check {option}."


def _silence(failure: Unreachable) -> Diagnosis:
    """What it means that a host, or the parent proxy, was found and gave no answer."""
    cause = failure.__cause__
    if isinstance(cause, aiohttp.ClientHttpProxyError):
        if cause.status == 407:
            return _AUTHENTICATION
        return f"The parent proxy answers {cause.status}.", "Ask its owner to let the host through."
    if isinstance(cause, TimeoutError):
        return (
            "It does not answer in time.",
            f"A firewall may keep this machine from it: open it, {_ANOTHER_WAY}",
        )
    status_page = "Try again, and look at https://www.dockerstatus.com."
    return f"It fails: {failure}.", status_page


def _connection(cause: BaseException | None) -> Diagnosis | None:
    """What kept the connection itself from being made; None if that is not the cause."""
    if isinstance(cause, aiohttp.ClientConnectorCertificateError):
        flaw = cause.certificate_error
        reason = getattr(flaw, "verify_message", flaw)
        is_a_matter_of_time = getattr(flaw, "verify_code", None) in _NOT_NOW
        return (
            f"The certificate of {cause.host} is not trusted: {reason}.",
            "Check the clock of this machine." if is_a_matter_of_time else _AUTHORITY,
        )
    if isinstance(cause, aiohttp.ClientConnectorSSLError):
        return (
            f"{cause.host}:{cause.port} does not speak TLS as it should ({cause.os_error}).",
            "Check the URL, and client_certs if that is set.",
        )
    if isinstance(cause, ssl.SSLError | FileNotFoundError | PermissionError):
        return f"A file of certificates cannot be used: {cause.strerror or cause}.", _FILES
    return _network(cause) if isinstance(cause, aiohttp.ClientConnectorError) else None


def _network(cause: aiohttp.ClientConnectorError) -> Diagnosis:
    if isinstance(cause, aiohttp.ClientConnectorDNSError):
        return (
            f"The name {cause.host} does not resolve.",
            f"Check this machine's DNS and hosts file, {_ANOTHER_WAY}",
        )
    is_proxy = isinstance(cause, aiohttp.ClientProxyConnectionError)
    place = f"{'The parent proxy ' if is_proxy else ''}{cause.host}:{cause.port}"
    if isinstance(cause.os_error, ConnectionRefusedError):
        return f"{place} refuses connections.", f"Check whether it runs, {_ANOTHER_WAY}"
    return (
        f"{place} cannot be reached: {cause.os_error.strerror or cause.os_error}.",
        f"Check this machine's network, {_ANOTHER_WAY}",
    )
