import pytest

from lmloop.report.masks import masker


def test_texts_are_masked_only_where_the_chain_looks_for_personal_data() -> None:
    pytest.importorskip("stdnum")
    texts = ["write to a@example.com", "邮箱 b@example.com"]
    assert masker([{"use": "unicode"}])(texts) == texts
    settings = {"use": "pii", "version": 1, "action": "drop", "kinds": ["email"]}
    assert masker([settings])(texts) == ["write to [EMAIL]", "邮箱 [EMAIL]"]
    assert masker([settings])([]) == []
