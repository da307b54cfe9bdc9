"""Connection URLs that name secrets without holding them: ``${NAME}`` is an environment variable."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, urlsplit

from featurestore.errors import ConfigurationError

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_SECRET = re.compile(r"pass|secret|token|private|access_key|credential|api_?key", re.IGNORECASE)
_FILE = re.compile(r"_(file|path)$")  # names a place, and not what is there
_HIDDEN = "***"
_SHORTEST = 4  # blanking out shorter ones would make messages unreadable, and point at them


def check_no_secret(url: str) -> str:
    """The URL, which is recorded in the registry and shown.

    Raises:
        ValueError: if it has no scheme, or holds a password or a token as it is.
    """
    if url and _VARIABLE.fullmatch(url):
        return url
    # Urlsplit takes the braces of a variable in the port for a mistake, so the parts are looked at as text.
    scheme, separator, rest = url.partition("://")
    if not separator or not scheme:
        raise ValueError("expected a URL such as postgresql://user:${PGPASSWORD}@host:5432/database")
    before, at, _ = rest.partition("/")[0].rpartition("@")
    password = before.partition(":")[2] if at else ""
    parameters = {name: value for name, value in parse_qsl(urlsplit(url).query) if _is_secret(name)}
    for value in (password, *parameters.values()):
        if value and not _VARIABLE.fullmatch(value):
            raise ValueError(
                "the URL holds a secret, which would be recorded and shown; "
                "name an environment variable instead: postgresql://user:${PGPASSWORD}@host/database"
            )
    return url


def _is_secret(name: str) -> bool:
    return _SECRET.search(name) is not None and _FILE.search(name) is None


@dataclass(frozen=True)
class Connection:
    """A URL with its secrets, for a driver.

    Attributes:
        url: not to be shown.
        shown: the URL as it was written.
    """

    url: str = field(repr=False)
    shown: str
    _secrets: tuple[str, ...] = field(repr=False, default=())

    @classmethod
    def of(cls, url: str, *, what: str) -> Connection:
        """The URL with the values of its environment variables, percent-encoded within a longer URL.

        Raises:
            ConfigurationError: if one is not set.
        """
        whole = _VARIABLE.fullmatch(url) is not None
        values: list[str] = []

        def value(match: re.Match[str]) -> str:
            found = os.environ.get(match[1])
            if found is None:
                raise ConfigurationError(
                    f"{what} uses the environment variable {match[1]!r}, which is not set.",
                    hint=f"Set it, e.g. export {match[1]}=…",
                )
            values.extend((found, quote(found, safe="")))
            return found if whole else quote(found, safe="")

        expanded = _VARIABLE.sub(value, url)
        if whole:
            values.append(expanded.partition("://")[2].partition("@")[0].partition(":")[2])
        return cls(
            expanded, url, tuple(sorted({v for v in values if len(v) >= _SHORTEST}, key=len, reverse=True))
        )

    def hides_in(self, text: str) -> bool:
        """Whether a text shows one of the secrets."""
        return any(secret in text for secret in self._secrets)

    def without_secrets(self, text: str) -> str:
        """A driver's message with the secrets blanked out."""
        for secret in self._secrets:
            text = text.replace(secret, _HIDDEN)
        return text
