"""Full names and short ones, and what may be a prefix."""

from __future__ import annotations

import re

import pytest

from cpuwatch import naming, sql
from cpuwatch.errors import CpuwatchError
from cpuwatch.flink import catalog
from cpuwatch.settings import settings


@pytest.fixture
def prefixed(monkeypatch: pytest.MonkeyPatch):
    def prefixed(prefix: str) -> None:
        monkeypatch.setenv("CPUWATCH_PREFIX", prefix)
        settings.cache_clear()

    yield prefixed
    monkeypatch.undo()
    settings.cache_clear()


def test_without_a_prefix_a_name_is_what_it_is(prefixed) -> None:
    prefixed("")
    text = "CREATE TABLE a (b INT) WITH ('topic' = 'cpu', 'properties.group.id' = 'g')"
    assert naming.full("cpu_agg") == naming.short("cpu_agg") == "cpu_agg"
    assert naming.short("cpu_agg-demo-1") == "cpu_agg-demo-1"
    assert naming.in_options(text) == text
    assert naming.in_full("cpu_alerts") == ""
    assert sql.fill("${prefix}cpu") == "cpu"


@pytest.mark.parametrize("theirs", ["ben--cpu_agg", "an--cpu_agg", "anna-b--cpu_agg", "cpu_agg"])
def test_with_a_prefix_all_others_are_somebody_elses(prefixed, theirs: str) -> None:
    prefixed("anna")
    assert naming.short(theirs) is None and naming.shown(theirs) == theirs
    assert naming.short("anna--cpu_agg") == "cpu_agg"
    assert naming.full("cpu_agg") == naming.full(naming.full("cpu_agg")) == "anna--cpu_agg"
    assert naming.in_full("cpu_alerts").endswith(": anna--cpu_alerts.")


@pytest.mark.parametrize("theirs", ["ben--cpu_agg", "b2--a--b", "anna-b--cpu_agg"])
def test_without_one_those_with_a_prefix_are(prefixed, theirs: str) -> None:
    prefixed("")
    assert naming.short(theirs) is None


def test_nothing_is_made_that_would_be_somebody_elses(prefixed) -> None:
    prefixed("")
    with pytest.raises(CpuwatchError, match="such as my-topic"):
        naming.new("my--topic")
    assert naming.new("my_topic--2") == "my_topic--2"
    prefixed("anna")
    assert naming.new("my--topic") == "anna--my--topic"


@pytest.mark.parametrize(
    ("option", "becomes"),
    [
        ("'topic' = 'cpu'", "'topic' = 'anna--cpu'"),
        ("'topic'='cpu'", "'topic'='anna--cpu'"),
        ("'topic' = 'a;b'", "'topic' = 'anna--a;anna--b'"),
        ("'topic' = 'a; b'", "'topic' = 'anna--a;anna--b'"),
        ("'topic' = 'a ;anna--b;'", "'topic' = 'anna--a;anna--b'"),
        ("'topic' = 'anna--cpu'", "'topic' = 'anna--cpu'"),
        ("'topic' /* mine */ = 'cpu'", "'topic' /* mine */ = 'anna--cpu'"),
        ("'topic' -- mine\n = 'cpu'", "'topic' -- mine\n = 'anna--cpu'"),
        ("'topic' // mine\n = 'cpu'", "'topic' // mine\n = 'anna--cpu'"),
        ("'topic' = -- 'a' = 'b'\n 'cpu'", "'topic' = -- 'a' = 'b'\n 'anna--cpu'"),
        ("-- it's\n'topic' = 'cpu'", "-- it's\n'topic' = 'anna--cpu'"),
        ("'a' = 'x''topic', 'topic' = 'cpu'", "'a' = 'x''topic', 'topic' = 'anna--cpu'"),
        ("/*+ OPTIONS('topic' = 'cpu') */", "/*+ OPTIONS('topic' = 'anna--cpu') */"),
        ("'topic-pattern' = 'anna--a|.*'", "'topic-pattern' = 'anna--(?:a|.*)'"),
        ("'topic-pattern' = 'anna--(?:a)|(?:b)'", "'topic-pattern' = 'anna--(?:(?:a)|(?:b))'"),
        ("'topic-pattern' = 'a[)(]\\)'", "'topic-pattern' = 'anna--(?:a[)(]\\))'"),
        ("'topic-pattern' = 'cpu_.*|x'", "'topic-pattern' = 'anna--(?:cpu_.*|x)'"),
        ("'properties.group.id' = 'g'", "'properties.group.id' = 'anna--g'"),
        ("'sink.transactional-id-prefix' = 't'", "'sink.transactional-id-prefix' = 'anna--t'"),
        ("'table-name' = 'cpu_thresholds'", "'table-name' = 'cpu_thresholds'"),
        ("'mytopic' = 'cpu'", "'mytopic' = 'cpu'"),
        ("'topic' = 'cpu", "'topic' = 'cpu"),
    ],
)
def test_names_in_options_become_full_once(prefixed, option: str, becomes: str) -> None:
    prefixed("anna")
    text = f"CREATE TABLE a (b STRING) WITH ({option})"
    assert sql.fill(text) == f"CREATE TABLE a (b STRING) WITH ({becomes})"
    assert sql.fill(sql.fill(text)) == sql.fill(text)
    assert sql.fill("${prefix}cpu") == "anna--cpu"


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ("'topic-pattern' = 'a)|(?:.*'", "cannot be kept to your topics: each"),
        ("'topic-pattern' = 'a)|.*('", "cannot be kept to your topics"),
        ("'topic-pattern' = 'a|.*\\'", "cannot be kept to your topics"),
        ("'topic-pattern' = '\\Qa'", "cannot be kept to your topics"),
        ("'topic' = 'a b'", "names no topic of yours"),
        ("'topic' = '\"a\";b'", "names no topic of yours"),
        ("'topic' = 'anna--'\n'a'", "side by side, 'anna--' and 'a': write them as one"),
        ("'to'\n'pic' = 'a'", "side by side, 'to' and 'pic'"),
    ],
)
def test_what_cannot_be_kept_to_ones_own_is_refused(prefixed, option: str, says: str) -> None:
    prefixed("anna")
    with pytest.raises(CpuwatchError) as found:
        sql.fill(f"CREATE TABLE a (b STRING) WITH ({option})")
    assert says in str(found.value)


@pytest.mark.parametrize("prefix", ["", "anna"])
@pytest.mark.parametrize("pattern", [".*", "cpu.*", "anna--a|.*", "ben--.*|cpu", "(a|.)*"])
def test_a_pattern_fits_no_topic_of_somebody_elses(prefixed, prefix: str, pattern: str) -> None:
    prefixed(prefix)
    filled = sql.fill(f"'topic-pattern' = '{pattern}'")
    assert sql.fill(filled) == filled
    whole = filled.partition(" = ")[2].strip("'")
    there = ["cpu_a", "ben--cpu_a", "b-2--a", "anna--cpu_a", "anna-b--cpu_a"]
    found = {name for name in there if re.fullmatch(whole, name)}
    assert found <= ({"anna--cpu_a"} if prefix else {"cpu_a"})
    assert found or pattern.startswith(("anna--", "ben--"))


def test_a_table_that_was_made_without_our_help_is_on_ones_own_topics(
    prefixed, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Made:
        def __init__(self, topic: str) -> None:
            self.topic = topic

        def getResolvedTable(self) -> Made:  # noqa: N802
            return self

        def getOptions(self) -> dict[str, str]:  # noqa: N802
            return {"topic": self.topic}

    class Environment:
        def list_views(self) -> list[str]:
            return []

    monkeypatch.setattr(catalog.java, "plain", lambda found: dict(found))
    prefixed("anna")
    for topic, seen in (("anna--a; anna--b", "a;b"), ("cpu", None), ("anna--a;ben--b", None)):
        monkeypatch.setattr(catalog, "resolved", lambda *_, topic=topic: Made(topic))
        if seen:
            assert catalog.options(Environment(), "mine")["topic"] == seen
        else:
            with pytest.raises(CpuwatchError, match=r"mine is on the topic .* has not your prefix"):
                catalog.options(Environment(), "mine")
    prefixed("")
    assert catalog.options(Environment(), "mine")["topic"] == "anna--a;ben--b"


@pytest.mark.parametrize("good", ["anna", "a", "7", "anna-smith", "room-3-seat-12", "a" * 30])
def test_a_prefix_is_taken(prefixed, good: str) -> None:
    prefixed(good)
    assert settings().prefix == good


@pytest.mark.parametrize(
    ("bad", "better"),
    [
        ("Anna", "such as anna"),
        ("anna.smith@example.org", "such as anna-smith-example-org"),
        ("anna--b", "such as anna-b"),
        ("-anna", "such as anna"),
        ("anna_b", "such as anna-b"),
        ("a b", "such as a-b"),
        ("'; DROP SCHEMA public; --", "such as drop-schema-public"),
        ("a" * 31, "such as " + "a" * 30),
        ("日本", "such as anna"),
        ("../x", "such as x"),
        ("a\nb", "such as a-b"),
        ("${kafka}", "such as kafka"),
        ("ﬁ", "such as fi"),
        ("Public", "such as public-1"),
        ("PUBLIC!", "such as public-1"),
        ("Åsa", "such as asa"),
        ("émile", "such as emile"),
        ("Ørsted Müller", "such as orsted-muller"),
        ("Straße", "such as strasse"),
    ],
)
def test_another_is_refused_with_a_better_one(prefixed, bad: str, better: str) -> None:
    prefixed(bad)
    with pytest.raises(CpuwatchError) as found:
        settings()
    assert "CPUWATCH_PREFIX" in str(found.value) and str(found.value).endswith(f"{better}.")
    prefixed(better.removeprefix("such as "))
    assert settings().prefix


@pytest.mark.parametrize("reserved", ["public", "pg-x", "information-schema", "demo-1"])
def test_a_schema_of_postgresqls_own_is_nobodys(prefixed, reserved: str) -> None:
    """None of these becomes the name of a schema that PostgreSQL or a demo uses."""
    prefixed(reserved)
    if reserved == "public":
        with pytest.raises(CpuwatchError, match="public"):
            settings()
    else:
        assert settings().prefix == reserved  # a hyphen, and so another name
