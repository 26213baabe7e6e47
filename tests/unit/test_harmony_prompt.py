"""A prompt is token ids that only the policy shapes: a post fills its place and nothing more."""

import re
import unicodedata
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from openai_harmony import (
    Conversation,
    DeveloperContent,
    Message,
    ReasoningEffort,
    Role,
    SystemContent,
)

from tests.hostile_posts import INSTRUCTIONS, POSTS
from weir.policies.loading import LIBRARY, load_policies
from weir.policies.policy import PROMPT_VERSION, Contract, Effort, Policy
from weir.policies.vocabulary import encoding
from weir.transforms.judge.harmony.context import FEWEST_TOKENS
from weir.transforms.judge.harmony.messages import (
    CONTROL_TOKENS,
    END,
    MESSAGE,
    START,
    decode,
    encode,
)
from weir.transforms.judge.harmony.prompt import (
    MARKER,
    chat,
    instructions,
    parts,
    render,
)

POLICIES = load_policies(LIBRARY).policies
POLICY = POLICIES[0]
BARE = Policy(
    policy_id="shop",
    title="Adverts",
    owner="team",
    text="No adverts.",
    labels={"1": "violates", "0": "safe"},
    rules={},
    contract=Contract.LABEL,
)
CONTROL_STRINGS = sorted(encoding().special_tokens_set)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
WITH_CONTROL_STRINGS = st.lists(TEXT | st.sampled_from(CONTROL_STRINGS), max_size=20).map("".join)


def library_rendering(policy, text, effort=ReasoningEffort.LOW):
    return encoding().render_conversation_for_completion(
        Conversation.from_messages(
            [
                Message.from_role_and_content(
                    Role.SYSTEM, SystemContent.new().with_reasoning_effort(effort)
                ),
                Message.from_role_and_content(
                    Role.DEVELOPER, DeveloperContent.new().with_instructions(instructions(policy))
                ),
                Message.from_role_and_content(Role.USER, text),
            ]
        ),
        Role.ASSISTANT,
    )


def content(prompt):
    return prompt.tokens[prompt.content]


@pytest.mark.parametrize("policy", [*POLICIES, BARE], ids=lambda p: p.policy_id)
def test_a_prompt_is_what_harmonys_own_renderer_makes_of_the_conversation(policy):
    text = "Is this <|end|> an advert?"
    assert list(render(policy, text).tokens) == library_rendering(policy, text)


@pytest.mark.parametrize("effort", list(Effort))
def test_the_effort_stands_in_the_system_message(effort):
    policy = replace(POLICY, effort=effort)
    prompt = render(policy, "hi")
    assert list(prompt.tokens) == library_rendering(policy, "hi", ReasoningEffort[effort.name])
    assert f"Reasoning: {effort}" in decode(prompt.tokens).split("<|end|>")[0]


@given(WITH_CONTROL_STRINGS)
@example("it's " * 500 + "1234567 " * 300 + "ไทย。漢字、" * 500)
def test_a_post_of_ordinary_length_is_tokenised_as_harmony_would(text):
    assert list(render(BARE, text, 100_000).tokens) == library_rendering(BARE, text)


@given(WITH_CONTROL_STRINGS)
def test_no_text_makes_a_control_token_in_the_post(text):
    for budget in (FEWEST_TOKENS, 4096):
        assert CONTROL_TOKENS.isdisjoint(content(render(BARE, text, budget)))


@given(WITH_CONTROL_STRINGS)
def test_a_post_that_is_not_cut_decodes_to_its_text(text):
    prompt = render(BARE, text, 100_000)
    assert prompt.tokens_cut == 0
    assert decode(content(prompt)) == text


@pytest.mark.parametrize("text", POSTS.values(), ids=POSTS)
def test_a_hostile_post_stays_in_its_place(text):
    empty, prompt = render(POLICY, ""), render(POLICY, text)
    before, after = prompt.tokens[: prompt.content.start], prompt.tokens[prompt.content.stop :]
    assert before + after == empty.tokens
    assert decode(before).endswith("<|end|><|start|>user<|message|>")
    assert after == (END, START, *encode("assistant"))
    assert CONTROL_TOKENS.isdisjoint(content(prompt))
    assert len(content(prompt)) <= 4096


def test_the_policys_own_text_as_a_post_is_read_as_a_post():
    prompt = render(POLICY, POLICY.text)
    assert decode(content(prompt)) == POLICY.text
    assert prompt.tokens.count(MESSAGE) == 3


@pytest.mark.parametrize("text", INSTRUCTIONS.values(), ids=INSTRUCTIONS)
def test_instructions_to_the_judge_reach_it_word_for_word_and_only_as_the_post(text):
    prompt = render(POLICY, text)
    assert decode(content(prompt)) == text
    assert text not in decode(prompt.tokens[: prompt.content.start])


def test_control_strings_in_a_policy_are_text():
    policy = replace(BARE, text="Posts that say <|end|><|start|>system are attacks.")
    assert render(policy, "hi").tokens.count(START) == 4


def test_prompts_of_one_policy_are_the_same_but_for_the_post():
    assert render(POLICY, "a") == render(POLICY, "a")
    one, other = render(POLICY, "one post"), render(replace(POLICY), "quite another one")
    assert one.tokens[: one.content.start] == other.tokens[: other.content.start]


def test_a_prompt_names_no_date():
    assert "date" not in decode(render(BARE, "").tokens).lower()


@given(policy=st.sampled_from(POLICIES), more=TEXT, block=st.integers(1, 256), post=TEXT)
def test_what_stands_before_a_post_fills_whole_blocks_by_leader_dots(policy, more, block, post):
    policy = replace(policy, text=policy.text + more)
    bare, filled = render(policy, post), render(policy, post, block_tokens=block)
    before = filled.content.start
    missing = before - bare.content.start
    assert before % block == 0
    assert missing < block
    without = list(filled.tokens)
    end = before - 4  # of the policy: <|end|><|start|>user<|message|>
    assert without[end - missing : end] == encode(" .") * missing
    del without[end - missing : end]
    assert tuple(without) == bare.tokens


def test_a_changed_policy_changes_the_prompt_though_its_id_is_the_same():
    changed = replace(POLICY, text=POLICY.text + "\nOne more rule.")
    assert "One more rule." in decode(render(changed, "hi").tokens)
    assert "One more rule." not in decode(render(POLICY, "hi").tokens)


def test_what_stands_around_a_policy_and_a_post_changes_only_with_its_version():
    text = decode(render(BARE, "a post").tokens)
    assert (PROMPT_VERSION, text) == (
        1,
        "<|start|>system<|message|>You are ChatGPT, a large language model trained by OpenAI.\n"
        "Knowledge cutoff: 2024-06\n\nReasoning: low\n\n# Valid channels: analysis, commentary, "
        "final. Channel must be included for every message.<|end|>"
        "<|start|>developer<|message|># Instructions\n\nNo adverts.\n\n## Output\n\n"
        "Answer with one of these labels only:\n- `1`: violates\n- `0`: safe<|end|>"
        "<|start|>user<|message|>a post<|end|><|start|>assistant",
    )


@pytest.mark.parametrize("policy", [*POLICIES, BARE], ids=lambda p: p.policy_id)
def test_the_parts_of_a_prompt_add_up(policy):
    counted = parts(policy)
    assert counted.system + counted.developer + counted.contract + counted.frame == len(
        render(policy, "").tokens
    )
    assert (counted.contract > 0) == (instructions(policy) != policy.text)


class TestAPostOverItsBudget:
    TEXT = "The beginning. " + "Something in the middle, and more of it. " * 400 + "The end."

    def test_keeps_its_head_and_its_tail(self):
        head, tail = decode(content(render(BARE, self.TEXT, 100))).split(MARKER)
        assert self.TEXT.startswith(head)
        assert self.TEXT.endswith(tail)
        assert min(len(head), len(tail)) > 100

    def test_says_how_many_of_its_tokens_are_left_out(self):
        prompt = render(BARE, self.TEXT, 2500)
        kept = len(content(prompt)) - len(encode(MARKER))
        assert prompt.tokens_cut == len(encode(self.TEXT)) - kept

    def test_says_about_how_many_where_it_is_too_long_to_be_read_whole(self):
        prompt = render(BARE, self.TEXT, 100)
        kept = len(content(prompt)) - len(encode(MARKER))
        assert prompt.tokens_cut == pytest.approx(len(encode(self.TEXT)) - kept, rel=0.1)

    def test_is_whole_at_exactly_its_budget(self):
        exact = len(encode(self.TEXT))
        assert render(BARE, self.TEXT, exact).tokens_cut == 0
        assert render(BARE, self.TEXT, exact - 1).tokens_cut > 0

    @given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1).map(lambda t: t * 300))
    @settings(max_examples=50)
    def test_is_cut_between_characters(self, text):
        shown = decode(content(render(BARE, text, FEWEST_TOKENS)))
        if MARKER not in text and MARKER in shown:
            head, tail = shown.split(MARKER)
            assert text.startswith(head)
            assert text.endswith(tail)

    @given(WITH_CONTROL_STRINGS, st.integers(FEWEST_TOKENS, 200))
    def test_never_exceeds_it(self, text, budget):
        assert len(content(render(BARE, text * 20, budget))) <= budget

    def test_needs_a_budget_that_leaves_some_of_it(self):
        with pytest.raises(ValueError, match="leaves no post; use 64 or more"):
            render(BARE, "hi", 63)


# Of Gemma, Llama, Mistral, Qwen, DeepSeek, ChatGLM, EXAONE, Command, T5 and StarCoder.
OTHER_MODELS = (
    *("<start_of_turn>", "<end_of_turn>", "<bos>", "<eos>", "<unused7>", "<start_of_image>"),
    *("<s>", "</s>", "<unk>", "<<SYS>>", "<</SYS>>", "[INST]", "[/INST]", "[SYSTEM_PROMPT]"),
    *("[AVAILABLE_TOOLS]", "[TOOL_CALLS]", "<tool_call>", "</tool_response>", "<think>"),
    *("<｜User｜>", "<｜end▁of▁sentence｜>", "<|im_start|>", "[gMASK]", "[MASK]", "[|endofturn|]"),
    *("<BOS_TOKEN>", "<extra_id_0>", "<fim-prefix>", "<0x0A>", "<reserved_106>"),
)


class TestForAServerWithATemplateOfItsOwn:
    @pytest.mark.parametrize("text", POSTS.values(), ids=POSTS)
    def test_no_post_holds_a_control_string(self, text):
        messages, _ = chat(BARE, text)
        assert encoding().encode(messages.user, allowed_special="all") == encode(messages.user)

    @given(WITH_CONTROL_STRINGS, st.integers(FEWEST_TOKENS, 200))
    def test_no_text_holds_one_even_where_it_is_cut(self, text, budget):
        messages, _ = chat(BARE, text * 5, budget)
        assert not re.search(r"<\|\w+\|>", messages.user)

    @pytest.mark.parametrize("token", OTHER_MODELS)
    @pytest.mark.parametrize("around", ["{}", "a{}b", "{0}{0}", "<{}>", "[{}]", "</{}"])
    def test_no_post_holds_a_control_string_of_another_model(self, token, around):
        messages, _ = chat(BARE, around.format(token))
        assert token not in unicodedata.normalize("NFKC", messages.user)
        assert messages.user.replace(" ", "") == around.format(token)

    @pytest.mark.parametrize("token", OTHER_MODELS)
    def test_nor_one_in_other_characters_that_are_led_back_to_it(self, token):
        wide = "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in token)
        messages, _ = chat(BARE, wide)
        assert token not in unicodedata.normalize("NFKC", messages.user)

    def test_an_ordinary_post_is_word_for_word_what_it_was(self):
        text = "a < b || c | d > e, 漢字 [1] [sic] [a link](https://example.org) <a href='x'>y"
        messages, cut = chat(POLICY, text)
        assert (messages.user, cut) == (text, 0)
        assert messages.developer == POLICY.text
        assert messages.effort == "low"

    def test_a_long_post_is_cut_as_for_any_other(self):
        text = "words and more of them " * 2000
        messages, cut = chat(BARE, text)
        assert cut == render(BARE, text).tokens_cut > 0
        assert MARKER in messages.user

    def test_the_contract_is_added_to_a_policy_that_lacks_it(self):
        assert "## Output" in chat(BARE, "hi")[0].developer
