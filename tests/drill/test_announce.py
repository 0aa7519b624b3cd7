"""Announcing: once on each channel, also when senders race, die or are refused; and what the watch finds by itself."""

from __future__ import annotations

import json
import logging
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from drill import clock
from drill.announce import AGAIN, STALE_NS, Announcer, Unsent
from drill.core.notice import Notice
from drill.core.timetable import WEEKLY
from drill.settings import Settings
from drill.watch import about_one, watch
from tests.core import worlds
from tests.ui.seeded import OUTCOMES, RUNS, drill_of, seed

NOTICE = Notice(kind="verdict", about="drill-1", subject="AEX drill PASS: drill-1", text="Yes.\n")
NOW = 1_796_000_000 * worlds.SECOND
SECRET = "hooks.example/T0/very-secret"


class Post:
    """Every channel at once: takes what it is given, or fails as it is told to."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, str, str]] = []
        self.refuses: set[str] = set()
        self.dies_after: set[str] = set()

    def __call__(self, channel: Any, notice: Notice) -> None:
        if channel.kind in self.refuses:
            raise ConnectionError(f"https://{SECRET} refused")
        self.taken.append((channel.key, notice.key, notice.text))
        if channel.kind in self.dies_after:
            raise SystemExit("killed")


@pytest.fixture
def post(monkeypatch) -> Post:
    made = Post()
    monkeypatch.setattr(Announcer, "_publish", lambda self, channel, notice: made(channel, notice))
    monkeypatch.setattr("drill.notifiers.send", made)
    return made


@pytest.fixture
def now(monkeypatch) -> list[int]:
    moment = [NOW]
    monkeypatch.setattr(clock, "now_ns", lambda: moment[0])
    return moment


@pytest.fixture
def chosen() -> Settings:
    return Settings(account="111122223333", notify="sns, http:slack")


def test_a_notice_goes_out_once_on_each_channel_however_often_it_is_found(account, chosen, post, now):
    assert Announcer(chosen, account.session).announce([NOTICE]) == [
        "drill-1/verdict/sns",
        "drill-1/verdict/http-slack",
    ]
    now[0] += 10 * STALE_NS
    assert Announcer(chosen, account.session).announce([NOTICE, NOTICE]) == []
    assert [key for key, _, _ in post.taken] == ["sns", "http-slack"]


def test_of_senders_that_race_one_sends(account, chosen, post, now):
    with ThreadPoolExecutor(8) as senders:
        list(senders.map(lambda _: Announcer(chosen, account.session).announce([NOTICE]), range(24)))
    assert Counter(key for key, _, _ in post.taken) == {"sns": 1, "http-slack": 1}


def test_a_channel_that_refuses_keeps_no_other_from_sending_and_is_tried_again_later(account, chosen, post, now):
    post.refuses = {"sns"}
    with pytest.raises(Unsent, match=r"drill-1/verdict/sns \(ConnectionError\)"):
        Announcer(chosen, account.session).announce([NOTICE])
    assert [key for key, _, _ in post.taken] == ["http-slack"]
    post.refuses = set()
    now[0] += STALE_NS - 1
    assert Announcer(chosen, account.session).announce([NOTICE]) == []
    now[0] += 1
    assert Announcer(chosen, account.session).announce([NOTICE]) == ["drill-1/verdict/sns"]
    assert [key for key, _, _ in post.taken] == ["http-slack", "sns"]


def test_a_sender_that_dies_before_it_confirms_is_repeated_and_the_repetition_says_so(account, chosen, post, now):
    post.dies_after = {"sns"}
    with pytest.raises(SystemExit):
        Announcer(chosen, account.session).announce([NOTICE])
    post.dies_after = set()
    now[0] += STALE_NS
    Announcer(chosen, account.session).announce([NOTICE])
    now[0] += STALE_NS
    Announcer(chosen, account.session).announce([NOTICE])
    assert [(key, text) for key, _, text in post.taken if key == "sns"] == [
        ("sns", "Yes.\n"),
        ("sns", AGAIN + "Yes.\n"),
    ]


def test_no_word_of_a_failing_channel_reaches_an_error_or_a_log(account, chosen, post, now, caplog):
    caplog.set_level(logging.DEBUG)
    post.refuses = {"sns", "http"}
    with pytest.raises(Unsent) as refused:
        Announcer(chosen, account.session).announce([NOTICE])
    assert SECRET not in str(refused.value)
    assert SECRET not in caplog.text


# --- the watch


def news_of(post: Post) -> dict[str, set[str]]:
    told: dict[str, set[str]] = {}
    for _, key, _ in post.taken:
        about, kind = key.split("/")
        told.setdefault(about, set()).add(kind)
    return told


def watched_since(account: Any, settings: Settings, at_ns: int) -> None:
    body = json.dumps({"at_ns": str(at_ns)}).encode()
    account.s3.put_object(Bucket=settings.evidence_bucket, Key="notices/since.json", Body=body)


def test_the_watch_tells_every_outcome_every_silence_and_the_missed_moment_each_once(account, post, now):
    only = Settings(account="111122223333", notify="sns")
    now[0] = WEEKLY.last_ns(NOW) + 3600 * worlds.SECOND
    seed(only, account.session, now_ns=now[0])
    watched_since(account, only, 0)
    watch(only, account.session)
    watch(only, account.session)
    told = news_of(post)
    for outcome in OUTCOMES:
        assert ("no-outcome" if outcome == "MISSING" else "verdict") in told[drill_of(outcome)]
    assert RUNS not in told
    assert [kinds for about, kinds in told.items() if about.startswith("weekly-")] == [{"missed"}]
    assert len(post.taken) == len({key for _, key, _ in post.taken})


def test_what_happened_before_the_watch_began_is_nobodys_news(account, post, now):
    only = Settings(account="111122223333", notify="sns")
    seed(only, account.session, now_ns=NOW)
    assert watch(only, account.session) == []
    assert post.taken == []


def test_the_verdict_is_told_by_the_drill_itself_and_not_again_by_the_watch(account, post, now):
    only = Settings(account="111122223333", notify="sns")
    seed(only, account.session, now_ns=NOW)
    watched_since(account, only, 0)
    sent = about_one(only, account.session, drill_of("PASS"))
    assert f"{drill_of('PASS')}/verdict/sns" in sent
    watch(only, account.session)
    assert [key for _, key, _ in post.taken].count(f"{drill_of('PASS')}/verdict") == 1


def test_nothing_is_told_of_a_drill_that_the_store_does_not_know(account, post, now):
    assert about_one(Settings(account="111122223333"), account.session, "drill-unknown") == []
