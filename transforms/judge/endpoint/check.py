"""Find out, before a job starts, whether the endpoint can serve it."""

import openai

from weir.transforms.judge.endpoint.client import Client
from weir.transforms.judge.endpoint.failures import ERRORS, failure_of
from weir.transforms.judge.endpoint.key_masking import without_key
from weir.transforms.judge.endpoint.model_list import VLLM, Model
from weir.transforms.judge.endpoint.settings import EndpointError, EndpointSettings, Form, Served
from weir.transforms.judge.endpoint.trial import try_question
from weir.transforms.judge.engine import EngineError
from weir.transforms.judge.engine_loop import EngineLoop

_AT_VLLM, _AT_OTHERS = 128, 8  # requests at once; Ollama and llama.cpp answer a few at a time
_NAMED = 20  # models in a message
_QUOTED = 300  # characters of the server's words in a message
# What a server says that answers questions, and lists no models.
_NO_LIST = ("unknown_model", "bad_request", "forbidden")


def check_endpoint(settings: EndpointSettings) -> Served:
    """Ask the server what it serves, and a question. Raises EndpointError, with the way out.

    The question costs a few hundred tokens, and again as many where two answers are compared. It is
    needed: some servers list their models to anybody, and look at the key, or load the model, only
    then; some list none.
    """
    loop = EngineLoop("weir-endpoint-check")
    try:
        return loop.call(_checked(settings))
    finally:
        loop.close()


async def _checked(settings: EndpointSettings) -> Served:
    server = Client(settings)
    doubts = ""
    try:
        served = _served(settings, await _listed(server, settings))
        doubts = "".join(f"; {doubt}" for doubt in served.doubts)
        return await try_question(server, served, settings)
    except ERRORS as error:
        failure = failure_of(error, settings)
        raise EndpointError(
            f"--endpoint-url={settings.url}: {failure.message}{_words(error, settings)}{doubts}"
        ) from None
    except EngineError as error:  # not even the trial fits
        raise EndpointError(f"--endpoint-url={settings.url}: {error}") from error
    finally:
        await server.close()


async def _listed(server: Client, settings: EndpointSettings) -> list[Model] | None:
    """Return the models that the server lists; None where it lists none and one is named."""
    try:
        return await server.models()
    except ERRORS as error:
        if settings.model is None or failure_of(error, settings).reason not in _NO_LIST:
            raise
        return None


def _words(error: Exception, settings: EndpointSettings) -> str:
    """Return what the server said of a rejected request: here it holds no post to quote."""
    if not isinstance(error, openai.BadRequestError):
        return ""
    words = without_key(error.message[:_QUOTED], settings.key, settings.url, settings.model or "")
    return f"; it says {words!a}"


def _served(settings: EndpointSettings, models: list[Model] | None) -> Served:
    model, doubts = _model(settings, models)
    owner = (model.owned_by or "").lower()
    at_vllm = owner == VLLM
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
        doubts=doubts,
    )


def _model(settings: EndpointSettings, models: list[Model] | None) -> tuple[Model, tuple[str, ...]]:
    """Return the model to ask, and what speaks against it: the trial question decides."""
    if settings.model is None:
        if models is not None and len(models) == 1:
            return models[0], ()
        names = _names(settings, models or [])
        raise EndpointError(f"{settings.url} serves {names}: name one with --endpoint-model")
    for wanted in (settings.model, f"{settings.model}:latest"):  # as Ollama reads a name
        for model in models or ():
            if model.id == wanted:
                return model, ()
    listed = "no models" if models is None else _names(settings, models)
    doubt = f"{settings.url} does not list --endpoint-model {settings.model!r}; it lists {listed}"
    return Model(settings.model), (doubt,)


def _names(settings: EndpointSettings, models: list[Model]) -> str:
    listed = [without_key(model.id, settings.key, model.id) for model in models[:_NAMED]]
    names = ", ".join(map(ascii, listed)) or "nothing"
    return names if len(models) <= _NAMED else f"{names} and {len(models) - _NAMED} more"
