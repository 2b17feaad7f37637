"""Addresses of warehouses, which hold secrets: read from the environment, and kept out of every message."""

import os
import re
from urllib.parse import unquote

from assets.raw.origins.origin import NotFetched, Origin

_USER_INFO = re.compile(r"//[^/\s@]*@")
_AFTER_SCHEME = re.compile(r"^[a-z0-9+]+://([^/@]*)@", re.IGNORECASE)
_IN_QUERY = re.compile(
    r"[?&][\w.-]*(?:key|token|secret|password|credentials)[\w.-]*=([^&\s]+)", re.IGNORECASE
)


def address(origin: Origin) -> str:
    """The address of an origin.

    Raises:
        NotFetched: its variable is not set.
    """
    value = os.environ.get(origin.connection, "").strip()
    if not value:
        raise NotFetched(
            f"{origin.connection} is not set: it holds the address from which {origin.source} is fetched; set it in "
            "the environment of this process"
        )
    return value


def without_secrets(words: str, known: str) -> str:
    """A message without what is secret in an address.

    >>> without_secrets('password "s3cret" of //ann:s3cret@db refused', "postgresql://ann:s3cret@db/sales")
    'password "***" of //***@db refused'
    """
    words = words.replace(known, "***")
    for secret in sorted(_secrets(known), key=len, reverse=True):
        words = words.replace(secret, "***")
    return _USER_INFO.sub("//***@", words)


def _secrets(known: str) -> set[str]:
    """Passwords and keys of an address, as they are written in it and as they are meant."""
    info = _AFTER_SCHEME.match(known)
    user, _, password = info[1].partition(":") if info else ("", "", "")
    found = {password, *_IN_QUERY.findall(known)}
    if known.lower().startswith(("s3:", "gs:", "abfs")) and password:
        found.add(user)  # an access key
    return {text for secret in found if secret for text in (secret, unquote(secret))}
