"""What to change where answers cannot be read: the likely cause, by the reason of the verdict."""

from weir.transforms.judge.verdict import Reason

_FORM = (
    "the model does not keep to the policy's form: take one that does, such as gpt-oss-safeguard, "
    "or a server that enforces a JSON Schema, such as vLLM, llama.cpp or Ollama"
)
_REMEDIES = {
    Reason.CUT_OFF: "its answers are longer than --endpoint_answer_tokens: raise that, lower the "
    "policy's effort, or take a model that comes to an end",
    Reason.MISSING_FINAL: "it reasons and then says nothing: raise --endpoint_answer_tokens, and "
    "see that the server's reasoning parser is the model's",
    Reason.PROMPT_CUT: "the server's context is shorter than policy, post and answer: serve the "
    "model with a longer one",
    Reason.CONTENT_FILTER: "the provider's content filter keeps posts from the model: have it "
    "turned off for moderation, or judge where there is none",
    Reason.UNFINISHED: "the server says that answers did not end by themselves: its log says why",
    Reason.UNCERTAIN: "the judge declines to decide",
    Reason.UNREAD: "posts are longer than what is read of them",
}


def remedy(reason: Reason | None) -> str:
    """Return why verdicts are indeterminate for that reason, most likely, and what to do."""
    return _REMEDIES.get(reason, _FORM) if reason else _FORM
