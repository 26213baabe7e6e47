"""Edits are written as files, never over somebody else's, each with a reason."""

import errno
import re
import threading
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from tests.unit.console.policy_forms import document, edited, files, form_of, save
from tests.unit.console.visits import page, visit
from tests.written_policy import written
from weir.pipelines.bigquery.errors import TablesError
from weir.pipelines.commands.cli import app
from weir.pipelines.console.people import Person, Role
from weir.pipelines.console.policy_lab import edit_pages, pages, save_pages, version_pages
from weir.pipelines.console.policy_lab.folder import Folder
from weir.pipelines.console.policy_lab.front_matter import with_status, with_version
from weir.pipelines.console.visit import Moved, RefusedError, Shown
from weir.policies.draft import begin
from weir.policies.loading import LIBRARY, load_policies, parse_policy
from weir.policies.policy import PolicyError, Status

# What changes, and saving


def test_what_changes_is_shown_word_by_word_before_it_is_saved(policies):
    before = files(policies)
    form = form_of(policies, document=edited(policies))
    seen = visit(policies, form=form, policy_id="tickets")
    assert "<del>a swap</del><ins>an exchange</ins>" in page(edit_pages.compare(seen), seen)
    assert files(policies) == before


@pytest.mark.parametrize(("then", "warned"), [("shadow", True), ("retired", True), ("same", False)])
def test_who_takes_a_policy_out_of_force_is_told_that_it_flags_nothing_then(policies, then, warned):
    form = form_of(policies, document=edited(policies), then=then)
    seen = visit(policies, form=form, policy_id="tickets")
    assert ("flags none from then on" in page(edit_pages.compare(seen), seen)) == warned


def test_an_edit_is_saved_as_an_editor_would_and_recorded_with_its_reason(policies, stored):
    before, after = files(policies), edited(policies)
    old = load_policies(policies)["tickets"].version
    save(policies, stored, document=after)
    assert files(policies) == before | {"policy.md": after.encode()}
    (row,) = stored.actions
    assert (row["what"], row["subject"], row["why"]) == ("policy-save", "tickets", "it was unclear")
    assert f'"before": "in force, {old}"' in row["detail"]


def test_nothing_is_saved_without_a_reason(policies, stored):
    before = files(policies)
    with pytest.raises(RefusedError, match="reason"):
        save(policies, stored, document=edited(policies), why="  ")
    assert (files(policies), stored.actions) == (before, [])


def retire(policies, stored):
    """Retire the policy of the folder, which has another then: no job starts without any."""
    (policies / "noise").mkdir()
    (policies / "noise/policy.md").write_text(written("noise")[0])
    save(policies, stored, then="retired")


def said_of(sent):
    """Return what the page says that comes after an edit was saved."""
    moved = save_pages.save(sent)
    assert isinstance(moved, Moved)
    return moved.said


def test_a_retired_policy_that_no_run_has_decided_by_has_a_way_back(policies, stored):
    retire(policies, stored)
    seen = visit(policies, stored, policy_id="tickets")
    html = page(version_pages.show(seen), seen)
    assert "no run has decided by it yet" in html
    assert "what jobs read now" not in html
    stamp = re.findall(r'name="stamp" value="(\w+)"', html)[0]
    assert 'name="then" value="active">Put in force again' in html
    form = form_of(policies, then="active") | {"stamp": stamp}
    again = visit(policies, stored, form=form, policy_id="tickets")
    assert "It cannot be saved" not in page(edit_pages.compare(again), again)
    assert said_of(again).startswith("In force")
    assert load_policies(policies)["tickets"].status is Status.ACTIVE


def test_a_policy_too_long_for_the_editor_still_shows_its_versions(policies, stored):
    with (policies / "tickets/policy.md").open("a") as file:
        file.write("word " * 210_000)
    seen = visit(policies, stored, policy_id="tickets")
    assert "Changed through the console" in page(version_pages.show(seen), seen)


def test_who_edits_a_retired_policy_is_told_that_no_job_judges_it(policies, stored):
    retire(policies, stored)
    form = form_of(policies, document=edited(policies))
    seen = visit(policies, stored, form=form, policy_id="tickets")
    assert "It stays retired" in page(edit_pages.compare(seen), seen)
    assert said_of(seen) == "Saved. It stays retired: no job judges it."


def test_a_draft_leaves_what_is_in_force_until_it_is_saved_otherwise(policies, stored):
    before, after = load_policies(policies), edited(policies)
    save(policies, stored, document=after, then="draft")
    assert load_policies(policies) == before
    shown = edit_pages.show(visit(policies, policy_id="tickets"))
    assert shown.values["edit"].document == after
    saved = edit_pages.show(visit(policies, query={"of": "saved"}, policy_id="tickets"))
    assert saved.values["edit"].document == document(policies)
    save(policies, stored, then="same")
    assert document(policies) == after
    assert set(files(policies)) == {"policy.md", "examples.csv"}
    assert [row["what"] for row in stored.actions] == ["policy-draft", "policy-save"]


def test_a_draft_may_be_broken_and_a_policy_may_not(policies):
    before = load_policies(policies)
    save(policies, document="not yet", then="draft")
    with pytest.raises(PolicyError, match="front matter"):
        save(policies, document="not yet", then="same")
    assert load_policies(policies) == before


@pytest.mark.parametrize(
    ("status", "what"),
    [("shadow", "policy-shadow"), ("active", "policy-promote"), ("retired", "policy-retire")],
)
def test_a_status_is_its_line_in_the_front_matter_and_nothing_else(policies, stored, status, what):
    (policies / "other").mkdir()  # a job needs one that is not retired
    (policies / "other/policy.md").write_text(begin("other")[0])
    start = Status.SHADOW if status == "active" else Status.ACTIVE
    (policies / "tickets/policy.md").write_text(with_status(document(policies), start))
    before = document(policies)
    save(policies, stored, then=status)
    assert document(policies) == before.replace(f"status: {start}", f"status: {status}")
    assert [row["what"] for row in stored.actions] == [what]


def test_a_draft_is_put_in_shadow_as_the_command_would_have_begun_it(policies, tmp_path):
    pages.create(visit(policies, form={"policy_id": "noise"}))
    CliRunner().invoke(app, ["policy", "new", "noise", "--policies", str(tmp_path / "mine")])
    begun = document(tmp_path / "mine", "noise")
    changed = begun.replace("or of any ticket", "or of a ticket")
    save(policies, policy_id="noise", document=changed, then="shadow")
    expected = files(tmp_path / "mine", "noise") | {"policy.md": changed.encode()}
    assert files(policies, "noise") == expected


@pytest.mark.parametrize("status", ["shadow", "active", "same"])
def test_what_is_still_the_template_stays_a_draft(policies, status):
    pages.create(visit(policies, form={"policy_id": "noise"}))
    save(policies, policy_id="noise", then="draft")
    before = files(policies, "noise")
    with pytest.raises(PolicyError, match="Criteria is still the template's"):
        save(policies, policy_id="noise", then=status)
    form = form_of(policies, "noise", then=status)
    shown = edit_pages.compare(visit(policies, form=form, policy_id="noise"))
    assert (shown.status, shown.values["refusal"].file) == (400, "policy.md")
    assert files(policies, "noise") == before


def test_what_no_job_could_start_with_is_refused(policies):
    with pytest.raises(PolicyError, match="every policy is retired"):
        save(policies, then="retired")
    with pytest.raises(PolicyError, match="the id was tickets"):
        save(policies, document=document(policies).replace("id: tickets", "id: tocket"))


def test_a_file_changed_meanwhile_is_not_overwritten_and_both_are_shown(policies, stored):
    form = form_of(policies, document=edited(policies))
    theirs = document(policies).replace("Trust & Safety", "Somebody else")
    (policies / "tickets/policy.md").write_text(theirs)
    for handler in (edit_pages.compare, save_pages.save):
        seen = visit(policies, stored, form=form, policy_id="tickets")
        shown = handler(seen)
        assert isinstance(shown, Shown)
        assert shown.status == 409
        html = page(shown, seen)
        assert "Somebody else" in html
        assert "an exchange." in html
    assert (document(policies), stored.actions) == (theirs, [])


def test_a_policy_deleted_meanwhile_is_made_again_only_when_asked(policies):
    form = form_of(policies, document=edited(policies))
    for file in (policies / "tickets").iterdir():
        file.unlink()
    (policies / "tickets").rmdir()
    seen = visit(policies, form=form, policy_id="tickets")
    shown = save_pages.save(seen)
    assert isinstance(shown, Shown)
    assert "deleted" in page(shown, seen)
    assert not (policies / "tickets").exists()
    form["stamp"] = shown.values["entry"].stamp
    save_pages.save(visit(policies, form=form, policy_id="tickets"))
    assert document(policies) == form["document"]


def test_of_writers_at_once_one_saves_and_the_others_are_told(policies):
    form = form_of(policies)
    texts = [form["document"].replace("a swap.", f"a swap, {n}.") for n in range(8)]
    answers, ready = [], threading.Barrier(len(texts))

    def write(text):
        seen = visit(policies, form=form | {"document": text}, policy_id="tickets")
        ready.wait()
        answers.append((save_pages.save(seen), text))

    writers = [threading.Thread(target=write, args=(text,)) for text in texts]
    for each in writers:
        each.start()
    for each in writers:
        each.join()
    (winner,) = [text for answer, text in answers if isinstance(answer, Moved)]
    assert len(answers) == len(texts)
    assert document(policies) == winner


def test_a_form_that_is_sent_twice_is_one_change(policies, stored):
    form = form_of(policies, document=edited(policies))
    for _ in range(2):
        save_pages.save(visit(policies, stored, form=form, policy_id="tickets"))
    assert len(stored.actions) == 1


def test_a_change_whose_row_was_refused_is_recorded_once_it_is_sent_again(policies, stored):
    form = form_of(policies, then="shadow", before="in force, 1")
    stored.refuses = TablesError("no")
    with pytest.raises(RefusedError, match="not recorded yet"):
        save_pages.save(visit(policies, stored, form=form, policy_id="tickets"))
    save_pages.save(visit(policies, stored, form=form, policy_id="tickets"))
    assert [row["what"] for row in stored.actions] == ["policy-shadow"]


def test_a_full_disk_changes_nothing_and_says_so(policies, stored, monkeypatch):
    before = files(policies)

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(RefusedError, match="No space left on device"):
        save(policies, stored, document=edited(policies))
    assert files(policies) == before
    assert stored.actions == []


def test_a_link_is_not_written_through(policies, tmp_path):
    place, outside = policies / "tickets/policy.md", tmp_path / "outside.md"
    place.rename(outside)
    place.symlink_to(outside)
    before = outside.read_text()
    with pytest.raises(RefusedError, match="link"):
        save(policies, document=edited(policies))
    assert outside.read_text() == before


def test_a_draft_is_removed_with_a_reason(policies, stored):
    save(policies, document=edited(policies), then="draft")
    form = {"why": "it was worse", "stamp": Folder(str(policies)).find("tickets").stamp}
    save_pages.discard(visit(policies, stored, form=form, policy_id="tickets"))
    assert set(files(policies)) == {"policy.md", "examples.csv"}
    assert [row["what"] for row in stored.actions] == ["policy-discard-draft"]


def away():
    return TablesError("BigQuery does not answer.")


def discarding(policies, stored):
    """Return a visit that discards the draft of a policy which is nothing else."""
    pages.create(visit(policies, form={"policy_id": "noise"}))
    form = {"why": "it was worse", "stamp": Folder(str(policies)).find("noise").stamp}
    return visit(policies, stored, form=form, policy_id="noise")


def test_a_draft_whose_removal_cannot_be_recorded_stays_and_sent_again_it_is_removed_once(
    policies, stored
):
    sent = discarding(policies, stored)
    stored.refuses = away()
    with pytest.raises(TablesError):
        save_pages.discard(sent)
    assert Folder(str(policies)).find("noise").has_draft
    for _ in range(2):
        save_pages.discard(sent)
    (row,) = stored.actions
    assert (row["what"], row["why"]) == ("policy-discard-draft", "it was worse")


def test_who_discards_a_draft_that_is_gone_is_told_and_is_not_recorded_as_having(policies, stored):
    save(policies, document=edited(policies), then="draft")
    form = {"why": "it was worse", "stamp": Folder(str(policies)).find("tickets").stamp}
    save(policies, document=edited(policies))
    moved = save_pages.discard(visit(policies, stored, form=form, policy_id="tickets"))
    assert (moved.said, stored.actions) == ("There is no draft any more.", [])


def test_a_draft_that_somebody_wrote_meanwhile_is_neither_discarded_nor_recorded_so(
    policies, stored
):
    save(policies, document=edited(policies), then="draft")
    form = {"why": "it was worse", "stamp": "of another draft"}
    with pytest.raises(RefusedError, match="meanwhile"):
        save_pages.discard(visit(policies, stored, form=form, policy_id="tickets"))
    assert stored.actions == []
    assert Folder(str(policies)).find("tickets").has_draft


def test_a_policy_that_was_begun_while_bigquery_was_away_is_recorded_when_sent_again(
    policies, stored
):
    stored.refuses = away()
    sent = visit(policies, stored, form={"policy_id": "noise"})
    with pytest.raises(RefusedError, match="files are written"):
        pages.create(sent)
    for _ in range(2):
        assert pages.create(sent).to == "/policies/noise"
    assert [row["what"] for row in stored.actions] == ["policy-new"]


def test_of_two_who_begin_a_policy_of_one_id_the_second_is_told(policies, stored):
    form = {"policy_id": "noise"}
    pages.create(visit(policies, stored, form=form))
    other = replace(visit(policies, stored, form=form), person=Person("bob", Role.WRITER))
    with pytest.raises(RefusedError, match="already"):
        pages.create(other)


def test_of_a_conflict_only_the_file_that_differs_is_shown(policies):
    form = form_of(policies, document=edited(policies))
    theirs = document(policies).replace("Trust & Safety", "Somebody else")
    (policies / "tickets/policy.md").write_text(theirs)
    seen = visit(policies, form=form, policy_id="tickets")
    whole = page(save_pages.save(seen), seen).partition("In whole")[2]
    assert "Somebody else" in whole
    assert "text,label,rule_id,note" not in whole


# Front matter


def test_a_status_keeps_its_comment_and_is_added_where_there_is_none():
    text = begin("tickets")[0]
    commented = text.replace("status: shadow", "status: shadow  # until Monday")
    assert "\nstatus: active  # until Monday\n" in with_status(commented, Status.ACTIVE)
    bare = text.replace("status: shadow\n", "")
    assert parse_policy(with_status(bare, Status.RETIRED).encode()).status is Status.RETIRED


def test_an_earlier_version_is_brought_back_whole_under_the_present_status():
    earlier = parse_policy(begin("tickets", "Tickets")[0].encode())
    changed = (
        begin("tickets", "Another title")[0]
        .replace("status: shadow", "status: active")
        .replace("effort: low", "effort: low, high\neffort_band: 0.2, 0.7")
        .replace("  TICK1: Selling tickets in bulk above what they cost.\n", "")
        .replace("a swap.", "an exchange.")
    )
    found = parse_policy(with_version(changed, earlier).encode())
    assert (found.version, found.status) == (earlier.version, Status.ACTIVE)
    assert found.title == "Another title"


@pytest.mark.parametrize("policy_id", [each.policy_id for each in load_policies(LIBRARY).policies])
def test_every_policy_of_the_library_takes_every_status(policy_id):
    text = document(LIBRARY, policy_id)
    for status in Status:
        given = with_status(text, status)
        assert parse_policy(given.encode()).status is status
        assert set(given.split("\n")) - set(text.split("\n")) <= {f"status: {status}"}
