"""What nobody could confirm about the real Docker Hub, so that a better fact changes one place.

Anything a test relies on from this file is a test of an assumption, not of Docker Hub.
"""

from __future__ import annotations

from typing import Final

# A retired v1 route answers 410; what the body says and which headers come with it is unknown.
RETIRED_STATUS: Final = 410
RETIRED_BODY: Final = '{"message":"This endpoint has been retired"}'
RETIRED_HEADERS: Final = {"Content-Type": "application/json"}

# Anonymous paging is refused from some offset on; that it begins at 1000 exactly is a guess.
ANONYMOUS_OFFSET: Final = 1000
OFFSET_TOO_LARGE: Final = {  # this text is confirmed
    "message": "pagination offset too large for anonymous requests; sign in to page further",
    "errinfo": {},
}

# Personal access tokens were refused more than once; the text is confirmed.
NO_PERSONAL_TOKENS: Final = "access to the resource is forbidden with personal access token"

# Calls a minute that Hub allows. The headers are known, the number is not.
RATE_LIMIT: Final = 180

# The texts of refusals on Hub v2 other than 403 and 404; only the statuses are known.
BAD_TOKEN: Final = {"message": "unauthorized", "errinfo": {}}
BAD_LOGIN: Final = {"message": "incorrect authentication credentials", "errinfo": {}}
BAD_REQUEST: Final = {"message": "malformed request", "errinfo": {}}
TOO_MANY_REQUESTS: Final = {"message": "too many requests", "errinfo": {}}

# After too many failed logins a name is locked for ten minutes. That it answers 429, and after
# how many failures, is assumed.
LOCKED_STATUS: Final = 429
LOCKED_BODY: Final = {"message": "too many failed login attempts for username", "errinfo": {}}
FAILED_LOGINS: Final = 5

# How long the registry's tokens live, in seconds.
REGISTRY_TOKEN_SECONDS: Final = 300

# Hub's own answer to an unreadable `page` is unknown. Assumed is what Django REST framework does:
# such a page does not exist (404), while an unreadable `page_size` counts as the default.
DEFAULT_PAGE_SIZE: Final = 10
MAX_PAGE_SIZE: Final = 100

# A token for the registry says nothing of a repository that its holder may not pull, whether it
# exists or not; the registry then answers 401 rather than 404.
INSUFFICIENT_SCOPE: Final = "insufficient_scope"
