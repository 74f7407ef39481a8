import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmloop.core.batch import from_records
from lmloop.core.record import Record
from lmloop.ops.exact_url import ExactUrl, plain_address

SAME = [
    "http://example.com/a/b?x=1&y=2",
    "https://www.Example.COM/a/b/?y=2&x=1#part",
    "//example.com:443/a/b?utm_source=mail&x=1&y=2&fbclid=9",
    "example.com/a/b?x=1&y=2&spm=a.b.c",
    "https://user:secret@example.com/a/b?x=1&y=2",
]


@pytest.mark.parametrize("address", SAME)
def test_spellings_of_one_address(address):
    assert plain_address(address) == "example.com/a/b?x=1&y=2"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://example.com/a", "http://example.com/A"),
        ("http://example.com/a", "http://example.org/a"),
        ("http://example.com:8080/a", "http://example.com/a"),
        ("http://example.com/a?x=1", "http://example.com/a?x=2"),
        ("http://example.com/a?x=1&x=2", "http://example.com/a?x=1"),
        ("http://例子.测试/文", "http://例子.测试/章"),
        ("http://[::1", "http://[::2"),
    ],
)
def test_addresses_that_differ(one, other):
    assert plain_address(one) != plain_address(other)


PARTS = st.lists(st.sampled_from(["a", "B", "文", "%20", "~x"]), max_size=3).map("/".join)
ASKED = st.lists(st.sampled_from(["x=1", "y=2", "z=", "x=文"]), max_size=3, unique=True)


@given(st.sampled_from(["x.org", "例子.测试"]), PARTS, ASKED, st.randoms(use_true_random=False))
def test_what_makes_no_difference(host, path, asked, random):
    more = random.sample([*asked, "utm_medium=m", "gclid=1"], len(asked) + 2)
    plain = f"http://{host}/{path}" + ("?" + "&".join(asked) if asked else "")
    other = f"{random.choice(['HTTPS://', '//', ''])}www.{host.upper()}/{path}/?{'&'.join(more)}#top"
    assert plain_address(plain) == plain_address(other)


@given(st.text(alphabet="a/:?#&=.%@[]文 ", max_size=20))
def test_any_text_has_a_plain_form(text):
    assert plain_address(text) == plain_address(f" {text}#")


def test_escapes_and_names_of_hosts_are_written_in_one_way():
    assert plain_address("http://例子.测试/%e6%96%87/%7Ex") == plain_address("http://xn--fsqu00a.xn--0zwm56d/文/~x")
    assert (
        plain_address("http://x.org/a%2fb") == plain_address("http://x.org/a%2Fb") != plain_address("http://x.org/a/b")
    )
    assert plain_address("http://x.org/%ff") == plain_address("http://x.org/%FF")


def test_the_first_or_the_best_of_an_address_stays_and_rows_without_one():
    rows = [
        (SAME[0], 1),
        (None, 5),
        (SAME[1], 3),
        ("", 4),
        ("http://例子.测试/文", 0),
        ("http://例子.测试/文/", 0),
        (7, 0),
    ]
    records = [Record(f"text {n}", meta={"url": url, "date": date}, id=str(n)) for n, (url, date) in enumerate(rows)]
    batch = from_records(records)
    outcome = ExactUrl()(batch)
    assert outcome.batch.column("id").to_pylist() == ["0", "1", "3", "4", "6"]
    assert outcome.reasons == {"same-url": 2}
    assert ExactUrl(keep="highest:date")(batch).batch.column("id").to_pylist() == ["1", "2", "3", "4", "6"]
