"""What values of settings are: their types, units, and the checks at start-up."""

import base64
import binascii
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson
from authlib.common.security import is_secure_transport
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode

INDEX_KEY_BYTES = 32
LOOPBACK = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))


@dataclass(frozen=True, slots=True)
class Unit:
    """The unit of a setting's value."""

    name: str


def _check_url(url: SecretStr, schemes: tuple[str, ...]) -> SecretStr:
    try:
        parts = urlsplit(url.get_secret_value())
    except ValueError as error:
        message = "is not a URL"
        raise ValueError(message) from error
    if parts.scheme not in schemes:
        message = f"must begin with {schemes[0]}://"
        raise ValueError(message)
    return url


def _check_issuer(issuer: str) -> str:
    if not is_secure_transport(issuer):
        message = "must begin with https:// (http:// only on loopback)"
        raise ValueError(message)
    parts = urlsplit(issuer)
    if parts.query or parts.fragment:
        message = "has a query or a fragment"
        raise ValueError(message)
    return issuer


def _check_database_url(url: SecretStr) -> SecretStr:
    return _check_url(url, ("postgresql", "postgres"))


def _check_redis_url(url: SecretStr) -> SecretStr:
    return _check_url(url, ("redis", "rediss", "unix"))


def _decode(value: SecretStr) -> bytes:
    try:
        return base64.b64decode(value.get_secret_value(), validate=True)
    except (binascii.Error, ValueError) as error:
        message = "is not base64"
        raise ValueError(message) from error


def _check_master_key(value: SecretStr) -> SecretStr:
    try:
        key_set = orjson.loads(_decode(value))
    except orjson.JSONDecodeError as error:
        message = "is not the base64 of a key set in JSON"
        raise ValueError(message) from error
    if not isinstance(key_set, dict) or "primaryKeyId" not in key_set:
        message = "is not the base64 of a tink key set in JSON with a primaryKeyId"
        raise ValueError(message)
    return value


def _check_index_key(value: SecretStr) -> SecretStr:
    if (length := len(_decode(value))) != INDEX_KEY_BYTES:
        message = f"must be the base64 of {INDEX_KEY_BYTES} bytes, not of {length}"
        raise ValueError(message)
    return value


def _split(value: object) -> object:
    if not isinstance(value, str):
        return value
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _split_origins(value: object) -> object:
    origins = _split(value)
    if not isinstance(value, str) or not isinstance(origins, tuple):
        return value
    for origin in origins:
        parts = urlsplit(origin)
        if parts.scheme not in {"http", "https"} or not parts.netloc or parts.path:
            message = f"{origin} is not an origin such as https://bank.example"
            raise ValueError(message)
    return origins


def _split_networks(value: object) -> object:
    parts = _split(value)
    if not isinstance(value, str) or not isinstance(parts, tuple):
        return value
    networks = []
    for part in parts:
        try:
            networks.append(ip_network(part))
        except ValueError as error:
            message = f"{part} is not a network such as 10.0.0.0/8"
            raise ValueError(message) from error
    return tuple(networks)


def _check_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        message = "is not a time zone such as Asia/Shanghai"
        raise ValueError(message) from error
    return name


DatabaseUrl = Annotated[SecretStr, AfterValidator(_check_database_url)]
RedisUrl = Annotated[SecretStr, AfterValidator(_check_redis_url)]
MasterKey = Annotated[SecretStr, AfterValidator(_check_master_key)]
IndexKey = Annotated[SecretStr, AfterValidator(_check_index_key)]
Networks = Annotated[
    tuple[IPv4Network | IPv6Network, ...], NoDecode, BeforeValidator(_split_networks)
]
TimeZone = Annotated[str, AfterValidator(_check_zone)]
IssuerUrl = Annotated[str, AfterValidator(_check_issuer)]
Origins = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split_origins)]
Paths = Annotated[tuple[Path, ...], NoDecode, BeforeValidator(_split)]
Texts = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
Port = Annotated[int, Field(ge=0, le=65535)]
Positive = Annotated[int, Field(gt=0)]
NotNegative = Annotated[int, Field(ge=0)]
