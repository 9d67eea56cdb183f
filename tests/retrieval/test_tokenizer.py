from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.retrieval.tokenizer import tokenize, unmarked


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("How do I set commit_interval?", ["how", "do", "i", "set", "commit", "interval"]),
        ("--without-web", ["without", "web"]),
        ("STRASSE Straße", ["strasse", "strasse"]),
        ("ﬁle №5", ["file", "no5"]),
        ("Kafka設定", ["kafka", "設", "設定", "定"]),
        ("दान या दिन", ["दान", "या", "दिन"]),
        ("தமிழ் మన తెలుగు", ["தமிழ்", "మన", "తెలుగు"]),
        ("น้ำ", ["น้ํ", "น้ํา", "า"]),
        ("データ・ベース", ["デ", "デー", "ー", "ータ", "タ", "ベ", "ベー", "ー", "ース", "ス"]),
        ("한국어", ["한", "한국", "국", "국어", "어"]),
        ("བོད་སྐད", ["བོ", "བོད", "ད", "དསྐ", "སྐ", "སྐད", "ད"]),
        ("don't", ["don", "t", "dont"]),
        ("the worker's", ["the", "worker", "s"]),
        ("L’homme", ["l", "homme", "lhomme"]),
        ("می\u200cخواهم", ["می", "خواهم", "میخواهم"]),
        ("٢٠٢٦ १२ ๑๒", ["2026", "12", "12"]),
        ("foo\u200bbar", ["foo", "bar", "foobar"]),
        ("\u200bfoo\u200b 北\u200b京", ["foo", "北", "北京", "京"]),
        ("北-京 データ-ベース", ["北", "京", "デ", "デー", "ー", "ータ", "タ", "ベ", "ベー", "ー", "ース", "ス"]),
        ("\u0301 \u200d", []),
    ],
)
def test_terms(text: str, expected: list[str]) -> None:
    assert tokenize(text) == expected


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("السَّلَامُ عَلَيْكُمْ", "السلام عليكم"),
        ("مـــحـــمد", "محمد"),
        ("שָׁלוֹם", "שלום"),
        ("ܫܠܵܡܵܐ", "ܫܠܡܐ"),
        ("за́мок", "замок"),
        ("co\u00adop\u00aderate", "cooperate"),
        ("क्\u200dष", "क्ष"),
        ("ខ្ញុំ\u200bស្រលាញ់", "ខ្ញុំស្រលាញ់"),
        ("បា\u17b4ទ", "បាទ"),
        ("ＡＢＣ１２３", "abc123"),
        ("അവൻ", "അവന്\u200d"),
        ("হঠাৎ", "হঠাত্\u200d"),
        ("ｶﾞｷﾞ", "ガギ"),
        ("п’ять", "п'ять"),
        ("пʼять", "п'ять"),
        ("Hawaiʻi", "Hawai'i"),
        ("\u2764\ufe0f葛\U000e0100", "\u2764葛"),
        ("\ufeffword\u2060", "word"),
    ],
)
def test_two_ways_to_type_a_word_are_the_same_terms(first: str, second: str) -> None:
    assert tokenize(first) == tokenize(second) != []


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("दान", "दिन"),
        ("мой", "мои"),
        ("か", "が"),
        ("tiếng", "tiêng"),
        ("má", "mà"),
        ("กา", "กี"),
        ("คน", "คืน"),
        ("أحمد", "احمد"),
    ],
)
def test_words_that_differ_are_different_terms(first: str, second: str) -> None:
    assert set(tokenize(first)) != set(tokenize(second))


@pytest.mark.parametrize(
    ("term", "expected"),
    [
        ("café", "cafe"),
        ("cafe", "cafe"),
        ("đường", "duong"),
        ("ελλάδα", "ελλαδα"),
        ("ёлка", "елка"),
        ("мой", "мой"),
        ("їжа", "їжа"),
        ("أحمد", "احمد"),
        ("ज़मीन", "जमीन"),
        ("दिन", "दिन"),
        ("が", "が"),
        ("한", "한"),
        ("smørrebrød", "smorrebrod"),
        ("i̇stanbul", "istanbul"),
    ],
)
def test_a_term_as_it_is_typed_without_marks(term: str, expected: str) -> None:
    assert unmarked(term) == expected


#: Letters, marks and what surrounds them, of many scripts; composed and decomposed.
PIECES = (
    *(
        "a",
        "b",
        "1",
        "_",
        "'",
        "\u2019",
        " ",
        "-",
        "é",
        "e\u0301",
        "ệ",
        "\u0327",
        "й",
        "ё",
        "İ",
        "ß",
        "ﬁ",
        "Å",
        "ά",
        "ΐ",
    ),
    *("दा", "िन", "क़", "क\u093c", "ก", "า", "ำ", "น้", "ខ", "្", "မ", "န်", "ꦱ", "꧀", "བོ", "་", "한", "ᄒ", "ᅡ", "ᆫ"),
    *("が", "か\u3099", "設", "\u06a9", "ل", "َ", "ـ", "أ", "א", "ָ", "\u00ad", "\u200b", "\u200c", "\u200d", "\ufe0f"),
)
TEXTS = st.lists(st.sampled_from(PIECES), max_size=25).map("".join)


@settings(max_examples=500, deadline=None)
@given(TEXTS | st.text(max_size=25))
def test_composed_and_decomposed_text_has_the_same_terms(text: str) -> None:
    terms = tokenize(text)
    assert tokenize(unicodedata.normalize("NFC", text)) == terms
    assert tokenize(unicodedata.normalize("NFD", text)) == terms


@settings(max_examples=300, deadline=None)
@given(st.lists(TEXTS, max_size=6))
def test_no_word_is_lost_and_words_are_in_order(words: list[str]) -> None:
    assert tokenize(" ".join(words)) == [term for word in words for term in tokenize(word)]
    assert all(any(one.isalnum() for one in term) for word in words for term in tokenize(word))


@settings(deadline=None)
@given(TEXTS)
def test_without_marks_twice_is_without_marks_once(text: str) -> None:
    for term in tokenize(text):
        assert unmarked(unmarked(term)) == unmarked(term)
