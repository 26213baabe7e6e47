"""The folder of policies as a list, and one of them as it is opened and typed in."""

import os

import pytest
from typer.testing import CliRunner

from tests.unit.console.policy_forms import document, edited, files, form_of, found_in, save
from tests.unit.console.visits import page, visit
from weir.pipelines.commands.cli import app
from weir.pipelines.console.now.decides import in_force
from weir.pipelines.console.people import Role
from weir.pipelines.console.policy_lab import edit_pages, pages, save_pages
from weir.pipelines.console.policy_lab.front_matter import with_status
from weir.pipelines.console.visit import RefusedError
from weir.policies.draft import begin
from weir.policies.loading import LIBRARY, load_policies
from weir.policies.policy import PolicyError, Status

# The list


def test_every_policy_of_the_folder_is_listed_with_its_status(policies):
    for policy_id, status in (("shaded", Status.SHADOW), ("gone", Status.RETIRED)):
        (policies / policy_id).mkdir()
        text = with_status(begin(policy_id)[0], status)
        (policies / policy_id / "policy.md").write_text(text)
    (policies / "torn").mkdir()
    (policies / "torn/policy.md").write_text("no front matter")
    (policies / "written").mkdir()
    (policies / "written/policy.draft.md").write_text(begin("written")[0])
    shown = pages.show(visit(policies))
    assert [(entry.policy_id, status) for entry, status, *_ in shown.values["rows"]] == [
        ("gone", "retired"),
        ("shaded", "shadow"),
        ("tickets", "in force"),
        ("torn", "broken"),
        ("written", "draft"),
    ]
    assert "torn/policy.md:1" in page(shown, visit(policies))


def test_the_policies_that_ship_with_weir_are_read_only_and_say_how_to_have_ones_own():
    seen = visit(LIBRARY)
    html = page(pages.show(seen), seen)
    assert "cp -r" in html
    assert "A new policy" not in html
    with pytest.raises(RefusedError, match="ship with Weir"):
        save(LIBRARY, policy_id="spam", document=document(LIBRARY, "spam") + "more\n")


def test_a_title_of_html_is_text(policies):
    marked = document(policies).replace('"Tickets"', "'<img src=x onerror=alert(1)>'")
    (policies / "tickets/policy.md").write_text(marked)
    for shown, path in ((pages.show, {}), (edit_pages.show, {"policy_id": "tickets"})):
        seen = visit(policies, **path)
        assert "<img" not in page(shown(seen), seen)


def test_now_has_the_words_of_policies_for_what_becomes_of_verdicts(policies, stored):
    (found,), problem = in_force(visit(policies, stored), days=7)
    assert (found.status, problem) == ("in force", "")


def test_a_new_policy_is_a_draft_that_no_job_reads(policies, stored):
    before = load_policies(policies)
    form = {"policy_id": "noise", "title": 'A "loud" one: noise'}
    moved = pages.create(visit(policies, stored, form=form))
    assert moved.to == "/policies/noise"
    assert load_policies(policies) == before
    text, examples = begin("noise", 'A "loud" one: noise')
    draft = {"policy.draft.md": text.encode(), "examples.draft.csv": examples.encode()}
    assert files(policies, "noise") == draft
    assert [row["what"] for row in stored.actions] == ["policy-new"]


@pytest.mark.parametrize("policy_id", ["..", "../out", "a/b", "a\0b", "", "Ab", ".hidden"])
def test_no_id_leads_out_of_the_folder(policies, policy_id):
    around = sorted(os.walk(policies.parent))
    with pytest.raises((RefusedError, PolicyError)):
        pages.create(visit(policies, form={"policy_id": policy_id}))
    for handler in (edit_pages.show, edit_pages.compare, save_pages.save, save_pages.discard):
        with pytest.raises((RefusedError, PolicyError)):
            handler(visit(policies, form=form_of(policies), policy_id=policy_id))
    assert sorted(os.walk(policies.parent)) == around


def test_a_new_policy_takes_nobodys_id(policies):
    with pytest.raises(RefusedError, match="already"):
        pages.create(visit(policies, form={"policy_id": "tickets"}))


# The editor


def test_findings_stand_at_their_lines_while_one_types(policies):
    typed = document(policies).replace("**Copy**", "usually **Copy**")
    (note,) = found_in(policies, document=typed)
    assert "usually" in typed.split("\n")[note.line - 1]
    assert "'usually' is vague" in note.message


def test_what_is_left_of_the_template_stands_at_its_line_and_before_it_is_saved(policies):
    half, _ = begin("tickets")
    half = half.replace("or of any ticket", "or of a ticket")
    notes = found_in(policies, document=half)
    left = next(note for note in notes if "lines of Definitions are still" in note.message)
    assert left.excerpt.startswith("- **Resale**")
    seen = visit(policies, form=form_of(policies, document=half), policy_id="tickets")
    assert f"{len(notes)} warnings of what is to mend" in page(edit_pages.compare(seen), seen)


def test_what_cannot_be_read_is_said_at_its_line(policies):
    broken = document(policies).replace("effort: low", "effort: enormous")
    (note,) = found_in(policies, document=broken)
    assert broken.split("\n")[note.line - 1] == "effort: enormous"
    (note,) = found_in(policies, examples='text,label,rule_id,note\n"a",unsure,,\n')
    assert (note.file, note.line) == ("examples.csv", 2)


def test_the_prompt_is_what_the_command_prints(policies):
    seen = visit(policies, policy_id="tickets")
    prompt = edit_pages.show(seen).values["edit"].prompt
    command = ["policy", "show", "tickets", "--prompt", "--policies", str(policies)]
    assert CliRunner().invoke(app, command).stdout.startswith(prompt.text)


def test_a_reader_is_shown_the_text_and_no_button(policies):
    seen = visit(policies, role=Role.READER, policy_id="tickets")
    html = page(edit_pages.show(seen), seen)
    assert "readonly" in html
    assert "Put in shadow" not in html
    assert {each.role for each in pages.PAGES if each.changes} == {Role.WRITER}


@pytest.mark.parametrize(("encoding", "name"), [("cp1252", "Windows-1252"), ("utf-16", "UTF-16")])
def test_a_file_in_another_encoding_is_opened_and_mended(policies, encoding, name):
    text = document(policies).replace("Trust & Safety", "Sûreté").replace("→", "->")
    (policies / "tickets/policy.md").write_bytes(text.encode(encoding))
    seen = visit(policies, policy_id="tickets")
    assert name in page(edit_pages.show(seen), seen)
    save(policies)
    assert load_policies(policies)["tickets"].owner == "Sûreté"


def test_a_file_that_is_broken_on_disk_is_opened_and_mended(policies):
    whole = document(policies)
    (policies / "tickets/policy.md").write_text(whole.replace("contract: json", "contract: ["))
    shown = edit_pages.show(visit(policies, policy_id="tickets"))
    assert shown.values["status"] == "broken"
    save(policies, document=whole)
    assert document(policies) == whole


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_file_keeps_its_ends_of_lines_and_its_mark(policies, ending):
    place = policies / "tickets/policy.md"
    place.write_bytes(b"\xef\xbb\xbf" + document(policies).replace("\n", ending).encode())
    typed = form_of(policies)["document"].replace("a swap.", "an exchange.")
    assert "\r" not in typed
    save(policies, document=typed)
    assert place.read_bytes() == b"\xef\xbb\xbf" + typed.replace("\n", ending).encode()


def test_a_policy_of_a_megabyte_is_refused_at_a_line_and_nothing_is_written(policies):
    before = files(policies)
    huge = document(policies) + "word " * 210_000
    (note,) = found_in(policies, document=huge)
    assert "larger than 512 KiB" in note.message
    with pytest.raises(PolicyError, match="512 KiB"):
        save(policies, document=huge)
    assert files(policies) == before


def test_examples_too_long_for_here_stay_as_they_are(policies):
    table = "text,label,rule_id,note\n" + '"so much text",safe,,\n' * 30_000
    (policies / "tickets/examples.csv").write_text(table)
    seen = visit(policies, policy_id="tickets")
    shown = edit_pages.show(seen)
    assert shown.values["edit"].examples is None
    assert 'name="examples"' not in page(shown, seen)
    form = form_of(policies, document=edited(policies))
    del form["examples"]
    save_pages.save(visit(policies, form=form, policy_id="tickets"))
    assert (policies / "tickets/examples.csv").read_text() == table


def test_a_draft_that_is_saved_leads_to_a_replay_of_history_under_it(policies):
    (policies / "tickets/policy.draft.md").write_text(edited(policies))
    seen = visit(policies, policy_id="tickets")
    assert "/replay?draft=tickets" in page(edit_pages.show(seen), seen)
