"""Who may see the page.

On loopback that is whoever asks for a name of loopback: a page on the internet can lead a browser
here by a name of its own. Elsewhere it is whoever has the token. It is in the URL that is opened
first, and from then on in a cookie: nothing that leaves the browser, and no bookmark, has it.
"""

from hmac import compare_digest
from secrets import token_urlsafe

from aiohttp import web
from aiohttp.typedefs import Handler

from hubv1.listen import is_welcome
from hubv1.report.as_html import error_html
from hubv1.report.live.address import Address

_FOREIGN = "This page is for this machine alone: open it as localhost or 127.0.0.1."
_UNKNOWN = "This page opens with the whole URL that the server said when it began, token included."


class Entry:
    """Lets requests in, or not."""

    def __init__(self, address: Address) -> None:
        """For a page that is served there."""
        self.token = "" if address.is_private else token_urlsafe(24)
        """Empty where none is needed."""
        self._address = address

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """The answer of `handler` to whoever may have it."""
        if not is_welcome(self._address.host, request.headers.get("Host", "")):
            return _refusal(_FOREIGN)
        if self._has(request.query.get("token", "")):
            return self._let_in(request)
        if self.token and not self._has(request.cookies.get(_cookie(request), "")):
            return _refusal(_UNKNOWN)
        return await handler(request)

    def _has(self, given: str) -> bool:
        return bool(self.token) and compare_digest(
            given.encode("utf-8", "backslashreplace"), self.token.encode()
        )

    def _let_in(self, request: web.Request) -> web.Response:
        # Relative, since something in front may have put the page into a folder.
        answer = web.Response(status=303, headers={"Location": "./"})
        # Strict would keep it back from whoever follows the URL out of a chat.
        answer.set_cookie(_cookie(request), self.token, httponly=True, samesite="Lax")
        return answer


def _cookie(request: web.Request) -> str:
    """Its name: browsers keep the cookies of a host together, whatever the port."""
    socket = request.transport.get_extra_info("sockname") if request.transport else None
    return f"hub-v1-report-{socket[1] if socket else 0}"


def _refusal(sentence: str) -> web.Response:
    return web.Response(status=403, text=error_html(sentence), content_type="text/html")
