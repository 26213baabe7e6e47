"""Pseudonyms of authors: the same for the same author, and nobody's without the key."""

import hmac


def pseudonym(key: str, author: str | int) -> str:
    """Return 32 hex digits of the HMAC-SHA256 of an author's id.

    Half of the digest: two of a thousand million authors share it with a chance of 1e-21.
    """
    named = str(author).encode("utf-8", "surrogatepass")
    return hmac.digest(key.encode("utf-8", "surrogateescape"), named, "sha256").hex()[:32]
