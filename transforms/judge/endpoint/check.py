"""Find out, before a job starts, whether the endpoint can serve it."""

import openai

from weir.policies.policy import Contract, Policy
from weir.transforms.judge.endpoint import wire
from weir.transforms.judge.endpoint.answers import completion_of
from weir.transforms.judge.endpoint.failures import ERRORS, failure_of
from weir.transforms.judge.endpoint.secrets import without_key
from weir.transforms.judge.endpoint.server import Server
from weir.transforms.judge.endpoint.settings import EndpointError, EndpointSettings, Form, Served
from weir.transforms.judge.engine import EngineError
from weir.transforms.judge.loop import EngineLoop

_AT_VLLM, _AT_OTHERS = 128, 8  # requests at once; Ollama and llama.cpp answer a few at a time
_NAMED = 20  # models in a message
_QUOTED = 300  # characters of the server's words in a message
_TRIAL_TOKENS = 16
_TRIAL = Policy(
    policy_id="trial",
    title="Trial",
    owner="weir",
    text="Reply with 0.",
    labels={"1": "violates", "0": "safe"},
    rules={},
    contract=Contract.LABEL,
)


def check_endpoint(settings: EndpointSettings) -> Served:
    """Ask the server what it serves, and one question. Raises EndpointError, with the way out.

    The question costs a few tokens. It is needed: some servers list their models to anybody, and
    look at the key, or load the model, only then.
    """
    loop = EngineLoop("weir-endpoint-check")
    try:
        return loop.call(_checked(settings))
    finally:
        loop.close()


async def _checked(settings: EndpointSettings) -> Served:
    server = Server(settings)
    try:
        served = _served(settings, await server.models())
        question = wire.question(_TRIAL, "Hello.", served, _TRIAL_TOKENS)
        completion_of(await server.ask(question), question, 0.0)
    except ERRORS as error:
        failure = failure_of(error, settings)
        raise EndpointError(
            f"--endpoint_url={settings.url}: {failure.message}{_words(error, settings)}"
        ) from None
    except EngineError as error:  # not even the trial fits
        raise EndpointError(f"--endpoint_url={settings.url}: {error}") from error
    finally:
        await server.close()
    return served


def _words(error: Exception, settings: EndpointSettings) -> str:
    """Return what the server said of a rejected request: here it holds no post to quote."""
    if not isinstance(error, openai.BadRequestError):
        return ""
    words = without_key(error.message[:_QUOTED], settings.key, settings.url, settings.model or "")
    return f"; it says {words!a}"


def _served(settings: EndpointSettings, models: list[wire.Model]) -> Served:
    model = _model(settings, models)
    owner = (model.owned_by or "").lower()
    at_vllm = owner == wire.VLLM
    is_gpt_oss = any("gpt-oss" in (name or "").lower() for name in (model.id, model.root))
    form = settings.form
    if form is Form.AUTO:
        # Harmony's ids mean something else to a model with another vocabulary.
        form = Form.TOKENS if at_vllm and is_gpt_oss else Form.CHAT
    return Served(
        model=model.id,
        form=form,
        owner=owner,
        context_tokens=model.max_model_len,
        concurrency=settings.concurrency or (_AT_VLLM if at_vllm else _AT_OTHERS),
        is_gpt_oss=is_gpt_oss,
    )


def _model(settings: EndpointSettings, models: list[wire.Model]) -> wire.Model:
    listed = [without_key(model.id, settings.key, model.id) for model in models[:_NAMED]]
    names = ", ".join(map(ascii, listed)) or "nothing"
    if len(models) > _NAMED:
        names += f" and {len(models) - _NAMED} more"
    if settings.model is None:
        if len(models) == 1:
            return models[0]
        raise EndpointError(f"{settings.url} serves {names}: name one with --endpoint_model")
    for wanted in (settings.model, f"{settings.model}:latest"):  # as Ollama reads a name
        for model in models:
            if model.id == wanted:
                return model
    raise EndpointError(
        f"{settings.url} serves no --endpoint_model {settings.model!r}; it serves {names}"
    )
