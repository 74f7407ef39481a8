from lmloop.core.content import SMALL, file_digest, files_digest


def test_a_digest_is_that_of_the_content_and_kept_until_the_file_changes(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    large = tmp_path / "weights"
    large.write_bytes(b"a" * SMALL)
    first = file_digest(large)
    kept = list((tmp_path / "cache").rglob("*"))[-1]
    assert kept.read_text() == first == file_digest(large)
    kept.write_text("x" * 32)
    assert file_digest(large) == "x" * 32  # it was looked up
    large.write_bytes(b"a" * SMALL + b"b")
    assert file_digest(large) not in (first, "x" * 32)


def test_a_digest_of_files_hangs_on_names_and_contents_and_not_on_the_place(tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        for name in ("b", "a"):
            (tmp_path / folder / name).write_text(f"what {name} says")
    one = files_digest((tmp_path / "one").iterdir())
    assert one == files_digest((tmp_path / "two").iterdir())
    (tmp_path / "two" / "a").write_text("something else")
    assert one != files_digest((tmp_path / "two").iterdir())
