"""What ``weir demo`` prints: one screen, and on request all that it knows."""

from rich.markup import escape
from rich.text import Text

from weir.pipelines import demo as demo_job
from weir.pipelines.commands.screen_audit import print_audited
from weir.pipelines.commands.screen_show import print_certificates
from weir.pipelines.commands.terminal import console, plain, print_table
from weir.pipelines.compare.rows import Flip
from weir.transforms.judge.exemplar.engine import STAND_IN
from weir.transforms.judge.unreadable_answers import is_of_the_post, remedy
from weir.transforms.judge.verdict import Reason
from weir.transforms.text.hidden import visible

# What nobody wants to meet on the first screen of a program; --details has them.
_UNSHOWN = ("harassment", "hate", "self-harm", "sexual-content", "violence")
_EXAMPLE, _FLIP = 38, 54  # cells of the terminal
_CAUSE = 200  # characters


def print_screen(report: demo_job.DemoReport, sent: int, *, stand_in: bool) -> None:
    """Print what came of the posts, and of an edited policy, in about 30 lines."""
    counts = report.counts
    pairs = counts.screenings * len(report.rates)
    passed = max(0, pairs - counts.escalations)
    _say(f"{sent:,} posts, from Kafka to BigQuery in {report.seconds:.1f} s", style="bold")
    _say(
        f"  screen   cleared {passed:,} of {pairs:,} pairs of post and policy by themselves\n"
        f"  judge    {counts.verdicts:,} verdicts: {counts.violations:,} violate, "
        f"{counts.verdicts - counts.violations - counts.indeterminate:,} safe, "
        f"{counts.indeterminate:,} indeterminate"
    )
    _say(f"  asked    {counts.selectivity}")
    if counts.deferred:
        _say(f"  deferred {counts.deferred:,} over the budget wait")
    if counts.undated:
        _say(f"  undated  {counts.undated:,} posts without a time that is read: see --time-field")
    if counts.nothing_to_read:
        _say(f"  empty    {counts.nothing_to_read:,} have nothing to read and are never judged")
    why_dead = {(row["stage"], row["reason"]): row["for_example"] for row in report.causes}
    for stage, reason, count in counts.causes:
        why = why_dead.get((stage, reason)) if stage == "judge" else None
        said = f": {visible(why[:_CAUSE])}" if why else ""
        _say(f"  dead     {count:,} letters: {reason} ({stage}){said}")
    for row in report.unread:
        if not is_of_the_post(reason := Reason(row["reason"])):
            _say(f"  unread   {row['verdicts']:,} answers: {reason}: {remedy(reason)}")
    if report.rates:
        examples = {row["policy_id"]: row["text"] for row in report.flagged}
        print_table(
            None,
            ["policy", "judged", "violate", "unsure", "for example"],
            [
                [
                    escape(row["policy_id"]),
                    row["judged"],
                    row["violations"],
                    row["indeterminate"],
                    ""
                    if row["policy_id"] in _UNSHOWN or row["policy_id"] not in examples
                    else escape(_short(examples[row["policy_id"]] or "", _EXAMPLE)),
                ]
                for row in report.rates
            ],
        )
    if report.edited:
        _print_edit(report.edited, stand_in=stand_in)
    if stand_in:
        _say("\nThe judge here is a stand-in for gpt-oss-safeguard, and reads no policy.")
    problems = "; ".join(report.problems)
    _say(f"conservation: {problems or 'ok, every post is accounted for'}.")
    _say("More: weir demo --details")


def _print_edit(edited: demo_job.Edited, *, stand_in: bool) -> None:
    compared = edited.compared
    (change,) = compared.changes
    _say(f"\nNow a sentence of {change.policy_id} changes, and nothing is trained:", style="bold")
    for passage in change.passages:
        before = "".join(text for kind, text in passage if kind != "+").splitlines()
        after = "".join(text for kind, text in passage if kind != "-").splitlines()
        for sign, lines, others in (("-", before, after), ("+", after, before)):
            for line in lines:
                if line not in others:
                    _say(f"  {sign} {visible(line.removeprefix('- '))}")
    if stand_in:
        _say(f"  (and {edited.examples} labelled examples: the stand-in learns from those alone)")
    flips = compared.counted.total.flips
    _say(
        f"The same posts again, in {edited.seconds:.1f} s: {flips.gained + flips.lost} of "
        f"{flips.pairs:,} decisions changed, such as"
    )
    for flip in compared.flips:
        _say(f"  {_flip(flip)}")


def _flip(flip: Flip) -> str:
    return f"{flip.a.label} -> {flip.b.label}: {_short(flip.text or '(not stored)', _FLIP)}"


def _short(post: str, cells: int) -> str:
    """Return the beginning of a post, in so many cells of the terminal."""
    text = Text(visible(" ".join(post.split())))
    text.truncate(cells, overflow="ellipsis")
    return text.plain


def print_details(report: demo_job.DemoReport) -> None:
    """Print the counts, what the screen promises, flagged posts, and what an analyst asks."""
    counts = report.counts
    print_table(
        "what happened",
        ["", "count", ""],
        [
            ["messages", counts.messages, "read from Kafka"],
            ["undated", counts.undated, "of them, posts without a time that could be read"],
            ["screenings", counts.screenings, "posts scored against every policy"],
            ["escalations", counts.escalations, "pairs of post and policy sent to the judge"],
            ["audits", counts.audits, "of them cleared by the screen, and drawn at random"],
            ["verdicts", counts.verdicts, "the judge's answers"],
            ["deferred", counts.deferred, "over the budget; to be judged later"],
            [
                "violations",
                counts.violations,
                "verdicts, each a message on the flagged topic",
            ],
            ["indeterminate", counts.indeterminate, "verdicts; never treated as safe"],
            ["dead letters", counts.dead_letters, "kept with their reason"],
        ],
    )
    if report.causes:
        print_table(
            "why posts could not be processed",
            ["stage", "reason", "count", "for example"],
            [
                [plain(v, 200) if isinstance(v, str) else v for v in r.values()]
                for r in report.causes
            ],
        )
    print_certificates(report.screen)
    if report.flagged:
        print_table(
            "a flagged post of each policy",
            ["policy", "post", "why"],
            [
                [r["policy_id"], plain(r["text"] or "", 100), plain(_why(r["rationale"]), 160)]
                for r in report.flagged
            ],
        )
    if report.rates:
        _say("\nwhat an analyst asks BigQuery:", style="bold")
        _say(demo_job.VIOLATION_RATES.strip())
        print_table(None, list(report.rates[0]), [list(row.values()) for row in report.rates])
    if report.recall:
        print_audited(report.recall)


def _why(rationale: str | None) -> str:
    """Return a rationale without the stand-in's notice, which is printed once for all."""
    return (rationale or "").removeprefix(STAND_IN).strip()


def _say(words: str, style: str | None = None) -> None:
    console.print(words, style=style, markup=False, highlight=False)
