"""``snowflake://user:${PASSWORD}@account/database/schema?…`` as the driver's arguments."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, unquote

_DEFAULTS: dict[str, Any] = {
    "application": "featurestore",
    # Decimals are decimals, not floats.
    "arrow_number_to_decimal": True,
    "login_timeout": 60,  # seconds; the URL's own parameters win
}
# What the major versions of the driver do not share. Version 4 tries a server that is gone again without an end, and
# this limit, which is one for queries too, is all that ends it. Version 5 warns of a default that it will change.
_OF_VERSION: dict[str, dict[str, Any]] = {
    "4": {"network_timeout": 4 * 3600},
    "5": {"enable_server_session_keep_alive_auto_detection": False},
}
# Times come and are compared in UTC, whatever the user's own settings are.
_SESSION: dict[str, Any] = {"TIMEZONE": "UTC", "TIMESTAMP_TYPE_MAPPING": "TIMESTAMP_NTZ"}
_TAG = {"QUERY_TAG": "featurestore"}


def driver_arguments(url: str, *, version: str) -> dict[str, Any]:
    """What the driver, of a version, connects with.

    Parameters in capitals are those of the session, such as ``STATEMENT_TIMEOUT_IN_SECONDS``; all others are the
    driver's own arguments, such as ``warehouse``, ``role``, ``private_key_file`` or ``connection_name``.
    """
    rest, _, query = url.partition("://")[2].partition("?")
    place, *path = rest.split("/")
    who, _, account = place.rpartition("@")
    user, _, password = who.partition(":")
    named = ("user", "password", "account", "database", "schema")
    parts = (user, password, account, *path[:2])
    arguments: dict[str, Any] = {
        name: unquote(value) for name, value in zip(named, parts, strict=False) if value
    }
    session = dict(_TAG)
    for name, value in parse_qsl(query, keep_blank_values=True):
        (session if name.isupper() else arguments)[name] = _number(value)
    own = _OF_VERSION.get(version.partition(".")[0], {})
    return {**_DEFAULTS, **own, **arguments, "session_parameters": {**session, **_SESSION}}


def _number(value: str) -> Any:
    return int(value) if value.isdecimal() else {"true": True, "false": False}.get(value.lower(), value)
