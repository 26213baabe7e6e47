"""What is stored of what was decided, from the options, and the key of what is hidden."""

from weir.pipelines.errors import OptionError
from weir.pipelines.options.content import StoringOptions
from weir.transforms.secret import PSEUDONYM_KEY, Secret, SecretError, secret
from weir.transforms.write.redaction import Redaction, StoreText

_SHORTEST_KEY = 16  # bytes: what cannot be tried through


def redaction(said: StoringOptions) -> Redaction:
    """Return what takes the text out of rows; OptionError where the key for it is missing."""
    store = StoreText(said.store_text)
    return Redaction(store, pseudonym_key("--store-text=hash") if store is StoreText.HASH else None)


def pseudonym_key(needed_by: str) -> Secret:
    """Return the key of pseudonyms and hashes; OptionError where there is none, or a short one."""
    try:
        key = secret(PSEUDONYM_KEY)
    except SecretError as error:
        raise OptionError(f"{needed_by}: {error}") from error
    if key is None or len(key.encode("utf-8", "surrogateescape")) < _SHORTEST_KEY:
        raise OptionError(
            f"{needed_by} needs a secret of at least {_SHORTEST_KEY} bytes in ${PSEUDONYM_KEY}; "
            "keep it, for another one makes other pseudonyms"
        )
    return key
