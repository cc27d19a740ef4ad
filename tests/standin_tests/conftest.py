"""A stand-in for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from standin import Standin


@pytest.fixture
def hub() -> Iterator[Standin]:
    with Standin() as running:
        yield running
