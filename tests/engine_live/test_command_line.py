from __future__ import annotations

from typing import Any

import pytest

from engine.__main__ import _join_suffix, _parser, main

TRADE = {
    "--site": "primary",
    "--environment": "LIVE",
    "--epoch": "1",
    "--symbols": "AAL,AAPL",
    "--stream-region": "us-west-2",
    "--control": "s3://bucket/control/",
    "--recovered": "s3://bucket/recovered/",
    "--snapshots": "s3://bucket/snapshots/",
}


def line(**changed: Any) -> list[str]:
    options = TRADE | {f"--{name}": value for name, value in changed.items()}
    return ["trade", *(word for pair in options.items() if pair[1] is not None for word in pair)]


def test_the_contracts_line_is_understood() -> None:
    words = [*line(), "--stream-suffix", "-e2", "--commit-ms", "100", "--checkpoint-every", "50"]
    words += ["--recover", "s3://bucket/journal/"]
    settings = _parser().parse_args(_join_suffix(words))
    assert [listed.symbol for listed in settings.symbols] == ["AAL", "AAPL"]
    assert (settings.stream_suffix, settings.commit_ms, settings.checkpoint_every) == ("-e2", 100, 50)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "required"),
        (["trade", "--bogus"], "required"),
        (line(environment="TEST"), "LIVE or DRILL"),
        (line(epoch="0"), "positive integer"),
        (line(symbols="AAL,NOPE"), "'NOPE' is not listed"),
        (line(symbols="AAL,AAL"), "twice"),
        (line(symbols="AAL,"), "separated by commas"),
        (line(control="bucket"), "s3://"),
        (line(site="Primary!"), "lower-case"),
        (line(recovered=None), "--recovered"),
        (line(recovered="bucket"), "s3://"),
        ([*line(), "--stream-suffix"], "expected one argument"),
        (["directory", "--engines", "e"], "--site"),
        (["marketdata"], "--engines"),
    ],
)
def test_a_bad_argument_is_one_line_and_status_2(words: Any, said: Any, capsys: Any) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    error = capsys.readouterr().err
    assert (ended.value.code, error.count("\n")) == (2, 1)
    assert said in error
