"""Docker Hub as most of these tests see it; the others have one of their own."""

from collections.abc import Iterator

import pytest

from standin import Standin
from visitors import members_only


@pytest.fixture
def hub() -> Iterator[Standin]:
    """Two accounts, and what belongs to one of them."""
    with Standin(members_only()) as running:
        yield running
