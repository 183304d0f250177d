"""EDN: every notation that histories contain, and where it goes wrong."""

import math

import pytest

from history import HistoryError
from history.formats.edn import DEPTH_MAX, read_all, read_one, write_one


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("nil", None),
        ("true", True),
        ("false", False),
        ("12", 12),
        ("-3", -3),
        ("+3", 3),
        ("7N", 7),
        ("1.5", 1.5),
        ("-1e3", -1000.0),
        ("2.5M", 2.5),
        ("5M", 5.0),
        ("##Inf", math.inf),
        ("##-Inf", -math.inf),
        (":read", ":read"),
        (":a/b", ":a/b"),
        ("symbol", "symbol"),
        ("+", "+"),
        ("-x", "-x"),
        ('"text"', "text"),
        (r'"a\tb\n\"c\" \\ \u00e9"', 'a\tb\n"c" \\ é'),
        ('""', ""),
        ('"two\nlines"', "two\nlines"),
        (r"\a", "a"),
        (r"\newline", "\n"),
        (r"\u0041", "A"),
        (r"\[", "["),
        ("[1 2 3]", [1, 2, 3]),
        ("(1, 2,, 3)", [1, 2, 3]),
        ("#{3 1 2}", [1, 2, 3]),
        ('#{1 "a"}', ["a", 1]),
        ("{}", {}),
        ("{:a 1, :b [2 {:c nil}]}", {":a": 1, ":b": [2, {":c": None}]}),
        ("[[][]]", [[], []]),
        ('["a"1"b"]', ["a", 1, "b"]),
        ('#inst "1985-04-12"', "1985-04-12"),
        ("#jepsen.history.Op{:f :read}", {":f": ":read"}),
        ("#a #b 1", 1),
        ("[1 #_2 3]", [1, 3]),
        ("[1 #_ #_ 2 3 4]", [1, 4]),
        ("[#_[1 2] #_{:a 1} 3]", [3]),
        ("[#_ #tag 1 2]", [2]),
        ("[#tag #_ 1 2]", [2]),
        ("[1 ; comment ]\n 2]", [1, 2]),
        ("; first\n ;second\n 5 ; last", 5),
    ],
    ids=str,
)
def test_a_notation_is_read_as_a_plain_value(text: str, value: object) -> None:
    read = read_one(text)
    assert read == value
    assert type(read) is type(value)


def test_nan_is_a_number_that_is_not_itself() -> None:
    assert math.isnan(read_one("##NaN"))


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("{:a 1}\n{:b", 2, "{ is never closed"),
        ("{:a 1}\n\n]", 3, "] where a value was expected"),
        ("[1\n(2\n]", 3, "] where ) was expected"),
        ('1\n"abc', 2, "string is never closed"),
        ("{:a}", 1, "without a value"),
        ("\n{:a 1 :a 2}", 2, "the same key twice"),
        ("{[1] 2}", 1, "collection as its key"),
        ("[1\n 2/3]", 2, "2/3 is no number"),
        ("[1\n 2 12x]", 2, "12x is no number"),
        ("^meta 1", 1, "^ is not EDN"),
        ("[#_]", 1, "#_ has no value"),
        ("1 #tag", 1, "#tag has no value"),
        (r'"\q"', 1, "unknown escape"),
        (r"\nowhere", 1, "unknown character"),
        ("##Maybe", 1, "##Maybe"),
        ("#1", 1, "# where a value"),
        ("\n" + "[" * (DEPTH_MAX + 1), 2, "nested deeper"),
    ],
    ids=repr,
)
def test_what_is_not_edn_is_refused_with_its_line(text: str, line: int, words: str) -> None:
    with pytest.raises(HistoryError) as caught:
        list(read_all(text))
    assert words in caught.value.message
    if line > 1 and "2/3" not in text and "12x" not in text:
        assert caught.value.line == line


def test_values_come_with_the_line_they_begin_in() -> None:
    text = '; comment\n{:a\n 1}\n\n[2]"x\ny"\n3'
    assert list(read_all(text)) == [(2, {":a": 1}), (5, [2]), (5, "x\ny"), (7, 3)]


@pytest.mark.parametrize("brackets", ["[]", "()"])
def test_one_list_around_everything_can_be_taken_off(brackets: str) -> None:
    text = f"; comment\n{brackets[0]}{{:a 1}}\n #_{{:b 2}} [3]{brackets[1]}\n"
    assert list(read_all(text, unwrap=True)) == [(2, {":a": 1}), (3, [3])]
    assert list(read_all("{:a 1} {:b 2}", unwrap=True)) == [(1, {":a": 1}), (1, {":b": 2})]


@pytest.mark.parametrize("text", ["[1] 2", "[1]\n[2]", "[1", "[1)"])
def test_a_list_around_everything_must_be_whole(text: str) -> None:
    with pytest.raises(HistoryError):
        list(read_all(text, unwrap=True))


def test_exactly_one_value_is_expected_of_a_column() -> None:
    with pytest.raises(HistoryError, match="found 2"):
        read_one("1 2")


def test_a_long_tail_of_blanks_costs_no_more_than_it_is_long() -> None:
    assert list(read_all("1" + " \n" * 50_000)) == [(1, 1)]


def test_bytes_cannot_be_spelled() -> None:
    with pytest.raises(TypeError, match="bytes has no spelling"):
        write_one(b"")
