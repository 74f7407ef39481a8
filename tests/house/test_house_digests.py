"""An op gives what it gave before, or has another version."""

import pytest
from digests import current, stored

from lmloop.core.listing import names

NOW, BEFORE = current(), stored()


@pytest.mark.parametrize("name", names("ops"))
def test_same_version_same_results(name: str) -> None:
    assert name in BEFORE, "python tests/house/digests.py --write"
    assert NOW[name] == BEFORE[name], "raise the op's version, then: python tests/house/digests.py --write"
