"""The lists of parts.py name tests that there are."""

from pathlib import Path

import pytest

from parts import ON_NEWEST_ALONE, ON_OLDEST, PROCESSES, Part, is_listed

TESTS = Path(__file__).parent


@pytest.mark.parametrize("name", [*PROCESSES, *ON_OLDEST, *ON_NEWEST_ALONE])
def test_what_is_listed_is_there(name: str) -> None:
    file, _, test = name.partition("::")
    assert (TESTS / file).exists()
    if test:
        text = (TESTS / file).read_text(encoding="utf-8")
        assert all(each in text for each in test.split("::"))


def test_a_part_is_a_choice_of_tests() -> None:
    files = ["hub/test_a.py", "api/test_a.py", "e2e/test_byte_rules.py", "e2e/test_ci.py"]
    tests = [f"{file}::test_a" for file in files]
    assert [Part.QUICK.has(test) for test in tests] == [True, True, False, False]
    assert [Part.OLDEST.has(test) for test in tests] == [True, False, True, False]
    assert [Part.ALL.has(test) for test in tests] == [True, True, True, True]


def test_what_the_oldest_python_gets_beside_the_quick_tests_starts_processes() -> None:
    files = [name for name in ON_OLDEST if not name.endswith("/")]
    assert [name for name in files if not is_listed(name, PROCESSES)] == []
