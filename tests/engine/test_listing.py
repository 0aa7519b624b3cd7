from __future__ import annotations

import engine
import engine.listing as listed
from engine import codec, errors, journal, messages, replay, storage, wire


def test_a_hundred_symbols_are_listed_in_order_and_three_for_tests() -> None:
    assert len(listed.SYMBOLS) == len(set(listed.SYMBOLS)) == 100
    assert list(listed.SYMBOLS) == sorted(listed.SYMBOLS)
    assert listed.TEST_SYMBOLS == ("ZZT1", "ZZT2", "ZZT3")


def test_numbers_start_at_one_and_do_not_depend_on_what_is_traded() -> None:
    everything = listed.listing(listed.SYMBOLS + listed.TEST_SYMBOLS)
    assert [instrument.number for instrument in everything] == list(range(1, 104))
    assert [instrument.number for instrument in listed.listing(("ZZT3", "AAL"))] == [103, 1]
    assert all(listed.numbered(instrument.number) == instrument for instrument in everything)


def test_only_test_symbols_are_for_tests_and_every_price_is_positive() -> None:
    everything = listed.listing(listed.SYMBOLS + listed.TEST_SYMBOLS)
    assert [instrument.symbol for instrument in everything if instrument.test] == list(listed.TEST_SYMBOLS)
    assert all(instrument.reference_price > 0 and instrument.lot == 1 for instrument in everything)
    assert all(len(instrument.symbol) <= 8 for instrument in everything)


def test_each_module_says_what_it_offers() -> None:
    for module in (engine, codec, errors, journal, messages, replay, storage, wire):
        assert list(module.__all__) == sorted(module.__all__, key=_constants_then_classes_then_functions)
        assert all(hasattr(module, name) for name in module.__all__)


def _constants_then_classes_then_functions(name: str) -> tuple[int, str]:
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)


def test_members_and_numbers_make_ids_that_increase_per_member() -> None:
    assert messages.command_id(1, 1) < messages.command_id(1, 2) < messages.command_id(2, 1)
    assert messages.member_of(messages.command_id(65_000, 7)) == 65_000
