"""The report as a page: what a post says is text in it, and nothing else."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hostile import READABLE
from tests.hostile_posts import POSTS
from tests.report_figures import figures
from weir.pipelines.report.charts import HEIGHT, WIDTH, ceiling, columns, line, short
from weir.pipelines.report.page import excerpt, interval, page, share
from weir.transforms.screen.live_recall import Estimate

MADE = datetime(2026, 3, 15, 8, 30, tzinfo=UTC)
HOSTILE = {
    "a script": "<script>document.title='ran'</script>",
    "an image": '<img src="http://planted.example/x" onerror="document.title=1">',
    "the end of a style": "</style><style>body{background:url(http://planted.example)}</style>",
    "an attribute": '" onload="document.title=\'ran\'" x="',
    "a template": "{{ 7 * 7 }} {% raw %} {{ it.__class__ }}",
    "an SVG": "<svg onload=document.title=1><use href='http://planted.example#a'/></svg>",
} | POSTS


class Seen(HTMLParser):
    """Collects the tags and attributes of a page."""

    def __init__(self):
        super().__init__()
        self.tags, self.attributes = set(), {}

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        for name, value in attrs:
            self.attributes.setdefault(name, set()).add(value)


def seen(content):
    parser = Seen()
    parser.feed(content)
    return parser


PLAIN = page(figures("a plain text"), MADE)


@pytest.mark.parametrize("name", HOSTILE)
def test_no_post_adds_a_tag_or_an_attribute(name):
    found, usual = seen(page(figures(HOSTILE[name]), MADE)), seen(PLAIN)
    assert found.tags <= usual.tags
    assert found.attributes.keys() <= usual.attributes.keys()


def test_the_page_has_no_script_and_nothing_that_loads():
    found = seen(PLAIN)
    assert not found.tags & {"script", "img", "iframe", "object", "embed", "link", "base", "form"}
    assert not found.attributes.keys() & {"src", "href", "srcset", "action", "style", "data"}
    assert not any(name.startswith("on") for name in found.attributes)
    assert "url(" not in PLAIN
    assert "@import" not in PLAIN


def test_its_policy_forbids_all_but_its_own_style():
    (said,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', PLAIN)
    assert said.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in said


def test_every_section_is_there():
    for heading in (
        "What came in",
        "By policy",
        "What the screen catches",
        "What the violations are",
        "What judging took",
        "Policies that changed",
        "What could not be processed",
        "Examples",
    ):
        assert f"<h2>{heading}</h2>" in PLAIN


def test_a_section_without_anything_is_left_out():
    bare = figures(categories=(), costs=(), changes=(), causes=(), examples=(), recall=())
    content = page(bare, MADE)
    assert "Examples</h2>" not in content
    assert "Policies that changed" not in content
    assert "Nothing was judged" in content


def test_a_page_without_texts_holds_nothing_that_posts_said_or_provoked():
    unsaid = figures("ordinary")
    secret = replace(
        unsaid,
        examples=tuple(
            replace(each, text="the secret", rationale="a secret") for each in unsaid.examples
        ),
    )
    assert "secret" in page(secret, MADE)
    assert "secret" not in page(secret, MADE, texts=False)
    assert 'type="checkbox"' not in page(secret, MADE, texts=False)


def test_the_switch_that_hides_texts_needs_no_script():
    assert 'type="checkbox" id="hide"' in PLAIN
    assert "#hide:checked" in PLAIN


def test_a_page_stays_small_however_much_there_is():
    long = figures("word " * 20_000)
    long = replace(long, examples=long.examples * 50, causes=long.causes * 10)
    assert len(page(long, MADE).encode()) < 5_000_000


def test_what_is_not_known_is_not_shown_as_a_number():
    days = tuple(replace(day, posts=None) for day in figures().days)
    content = page(figures(days=days), MADE)
    assert "what came in is not known" in content
    assert "<b>–</b><span>posts came in" in content


@given(st.text())
def test_what_is_shown_neither_commands_nor_turns_the_text_round(text):
    assert not re.search(
        r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", excerpt(text, 50)
    )
    assert len(excerpt(text, 50)) <= 50


@pytest.mark.parametrize("name", READABLE)
def test_every_post_can_be_shown(name):
    assert excerpt(READABLE[name].decode(), 400) in (
        READABLE[name].decode(),
        excerpt(READABLE[name].decode(), 400),
    )


@given(st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 10**9)), min_size=1, max_size=60))
def test_every_column_lies_within_the_chart_and_on_the_one_below(pairs):
    days = [figures().first] * len(pairs)
    below, above = zip(*pairs, strict=True)
    drawn = columns(days, [("escalated", below), ("cleared", above)])
    assert len(drawn.bars) == 2 * len(pairs)
    for low, high in zip(drawn.bars[::2], drawn.bars[1::2], strict=True):
        assert high.y + high.height == pytest.approx(low.y, abs=0.05)
        assert high.y >= -0.05
        assert low.y + low.height <= HEIGHT
        assert 0 <= low.x <= low.x + low.width <= WIDTH


def test_a_chart_of_nothing_is_a_chart():
    drawn = columns([], [("flagged", [])])
    assert (drawn.bars, drawn.days) == ((), ())
    assert line([]) == ""
    assert line([0, 0]) == "2.0,18.0 94.0,18.0"


@pytest.mark.parametrize(
    ("value", "top"), [(0, 2), (3, 5), (10, 10), (11, 20), (99, 100), (501, 1000), (10**9, 10**9)]
)
def test_an_axis_ends_at_a_round_number(value, top):
    assert ceiling(value) == top


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (950, "950"), (1500, "1.5k"), (2_000_000, "2M"), (10**9, "1G")]
)
def test_an_axis_is_named_in_a_few_characters(value, text):
    assert short(value) == text


@pytest.mark.parametrize(
    ("part", "whole", "said"),
    [(0, 0, "–"), (0, 5, "0 %"), (1, 1000, "0.1 %"), (1, 8, "12 %"), (5, 5, "100 %")],
)
def test_a_share_says_no_more_than_it_knows(part, whole, said):
    assert share(part, whole) == said


def test_an_unknown_recall_is_unknown():
    assert interval(Estimate(None, 0.0, 1.0)) == "unknown"
    assert interval(Estimate(0.913, 0.8, 0.97)) == "91% (80% to 97%)"


def test_a_policy_without_a_violation_has_a_level_line_however_few_days_there_are():
    assert line([0]) == "2.0,18.0 94.0,18.0"
    assert line([3]) == "2.0,2.0 94.0,2.0"


def test_it_is_said_why_more_was_judged_than_sent_to_the_judge():
    assert "800 were not sent to the judge but drawn at random" in PLAIN
    none = tuple(replace(row, audited=0) for row in figures().policies)
    assert "not sent to the judge" not in page(figures(policies=none), MADE)


def test_an_example_has_what_leads_to_its_post():
    assert "post <code>post-0</code>, posts[3] at offset <code>1000000</code>" in PLAIN


def test_the_words_of_a_policy_that_changed_are_marked():
    assert "Spam is bulk.\n<del>Ask for money.</del><ins>a plain text</ins>" in PLAIN
