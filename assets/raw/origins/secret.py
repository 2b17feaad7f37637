"""Addresses of warehouses, which hold secrets: read from the environment, and kept out of every message."""

import os
import re
from urllib.parse import unquote

from assets.raw.origins.origin import NotFetched, Origin

_USER_INFO = re.compile(r"//[^\s\"']*@")
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)
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
    if _authority(value).count("@") > 1:
        raise NotFetched(
            f"{origin.connection} holds an address with an @ in its user or password: write %40 for it there"
        )
    return value


def without_any_address(words: str) -> str:
    """A message without the addresses that a person wrote where a word or a name belongs.

    >>> without_any_address("'postgresql://ann:s3cret@db/sales' is none of: landing, postgres")
    "'(an address, left out) is none of: landing, postgres"
    """
    return _ADDRESS.sub("(an address, left out)", words)


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
    rest = known.partition("://")[2]
    found: set[str] = set(_IN_QUERY.findall(known))
    # a password with an @ or a / that is not written as %40 or %2F: what is cut off of it is secret as well
    for info in {_authority(known).rpartition("@")[0], rest.partition("@")[0], rest.rpartition("@")[0]}:
        user, _, password = info.partition(":")
        found |= {password, *password.split("@")}
        if known.lower().startswith(("s3:", "gs:", "abfs")) and password:
            found.add(user)  # an access key
    return {text for secret in found if secret for text in (secret, unquote(secret))}


def _authority(known: str) -> str:
    """User, password, host and port of an address."""
    return re.split(r"[/?#]", known.partition("://")[2], maxsplit=1)[0]
