"""Which words of a policy changed: what is kept, gone and come gives both texts back."""

from hypothesis import given
from hypothesis import strategies as st

from weir.pipelines.word_changes import changed_words, cut, in_brackets

TEXT = st.text("ab, \n", max_size=60)


def test_only_the_words_that_changed_are_marked_with_a_line_around():
    before = "one\ntwo\nAsk for money now.\nthree\nfour\n"
    after = "one\ntwo\nAsk for gifts now.\nthree\nfour\n"
    (passage,) = changed_words(before, after)
    assert in_brackets(passage) == "two\nAsk for [-money-]{+gifts+} now.\nthree\n"


@given(TEXT, TEXT)
def test_all_lines_of_both_texts_can_be_had_back(before, after):
    (passage,) = changed_words(before, after, context=100) or [[("", before)]]
    assert "".join(text for kind, text in passage if kind != "+") == before
    assert "".join(text for kind, text in passage if kind != "-") == after


@given(TEXT, TEXT, st.integers(0, 40))
def test_what_is_cut_is_as_short_as_was_asked_for(before, after, most):
    kept = cut(changed_words(before, after), most)
    assert sum(len(text) for passage in kept for _, text in passage if text != "…") <= most


def test_equal_texts_have_no_passage():
    assert changed_words("a\nb", "a\nb") == []
