"""The demo's authorization server: authorization code with PKCE, OpenID Connect's ID token.

The protocol is authlib's (RFC 6749, RFC 7636, OpenID Connect Core 1.0). Its calls do not wait, so
codes are stored by whoever calls: `Authorization.granted` is to be kept before its redirect leaves,
and what a code stands for is found before it is redeemed.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Self
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

from authlib.oauth2.base import invalid_error_characters
from authlib.oauth2.rfc6749 import (
    AuthorizationServer,
    ClientMixin,
    InvalidRequestError,
    OAuth2Error,
    OAuth2Payload,
    OAuth2Request,
)
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core import AuthorizationCodeMixin
from authlib.oidc.core.grants import OpenIDCode

from app.auth.permissions import Role
from app.auth.tokens import ALGORITHM, STRONG, TTL_SECONDS, TokenKey

GRAPHIQL: Final = "graphiql"
# For pages and programs that front-end developers run on their own machine.
DEVELOPER: Final = "developer"
SCOPES: Final = ("openid", "profile")
# Without "::1", which a content security policy cannot name.
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1"})
_PARAMETERS_MAX: Final = 30
# authlib repeats these in its errors, and may not where a text has other characters than those of
# RFC 6749, appendix A.
_REPEATED: Final = ("client_id", "grant_type", "redirect_uri", "response_type", "scope")
_S256: Final = "S256"

Response = tuple[int, Any, Sequence[tuple[str, str]]]


@dataclass(frozen=True)
class Person:
    """Who signs in, and as what."""

    id: UUID
    name: str
    role: Role
    roles: tuple[Role, ...]
    strong: bool


@dataclass(frozen=True)
class Granted(AuthorizationCodeMixin):  # type: ignore[misc]  # authlib has no types.
    """What a code stands for."""

    client_id: str
    redirect_uri: str
    scope: str
    code_challenge: str
    code_challenge_method: str
    nonce: str | None
    auth_time: int
    person: Person

    def as_json(self) -> dict[str, Any]:
        """Give it in JSON's types."""
        return asdict(self) | {"person": asdict(self.person) | {"id": str(self.person.id)}}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Self:
        """Read what `as_json` gave."""
        given = kept["person"]
        person = Person(
            UUID(given["id"]),
            given["name"],
            Role[given["role"]],
            tuple(Role[held] for held in given["roles"]),
            given["strong"],
        )
        return cls(**{**kept, "person": person})

    def get_redirect_uri(self) -> str:
        """Give the address that the code was sent to."""
        return self.redirect_uri

    def get_scope(self) -> str:
        """Give what was asked for."""
        return self.scope

    def get_nonce(self) -> str | None:
        """Give the client's nonce, for the ID token."""
        return self.nonce

    def get_auth_time(self) -> int:
        """Give the second of the sign-in."""
        return self.auth_time

    def get_acr(self) -> str | None:
        """Give how the person signed in, where it was strongly."""
        return STRONG if self.person.strong else None


@dataclass(frozen=True)
class _Client(ClientMixin):  # type: ignore[misc]
    """A public client: a page or program that can keep no secret."""

    client_id: str
    accepts: Callable[[str], bool]
    id_token_signed_response_alg: str = ALGORITHM

    def get_client_id(self) -> str:
        return self.client_id

    def get_default_redirect_uri(self) -> None:
        return None

    def get_allowed_scope(self, scope: str | None) -> str:
        return " ".join(each for each in (scope or "").split() if each in SCOPES)

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return self.accepts(redirect_uri)

    def check_endpoint_auth_method(self, method: str, _endpoint: str) -> bool:
        return method == "none"

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "authorization_code"


def is_loopback_redirect(address: str) -> bool:
    """Tell whether an address is one of this machine (RFC 8252, section 7.3), whatever its port."""
    try:
        parts = urlsplit(address)
        is_of_loopback = parts.hostname in _LOOPBACK and parts.port != 0
    except ValueError:
        return False
    plain = parts.username is None and parts.password is None and not parts.fragment
    return parts.scheme == "http" and is_of_loopback and plain and address.isprintable()


class _Payload(OAuth2Payload):  # type: ignore[misc]
    def __init__(self, text: str) -> None:
        self._values: dict[str, list[str]] = {}
        try:
            pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=_PARAMETERS_MAX)
        except ValueError as error:
            message = "too many parameters"
            raise InvalidRequestError(message) from error
        for name, value in pairs:
            self._values.setdefault(name, []).append(value)
            if name in _REPEATED and invalid_error_characters(value):
                message = f"'{name}' has characters that are not allowed"
                raise InvalidRequestError(message)

    @property
    def data(self) -> dict[str, str]:
        return {name: values[0] for name, values in self._values.items()}

    @property
    def datalist(self) -> dict[str, list[str]]:
        return self._values


class _Request(OAuth2Request):  # type: ignore[misc]
    """A request to one of the two endpoints; ``granted`` is what its code stands for."""

    def __init__(self, method: str, uri: str, text: str, granted: Granted | None = None) -> None:
        super().__init__(method, uri)
        self.payload = _Payload(text)
        self.granted = granted
        self.code = ""

    @property
    def form(self) -> dict[str, str]:
        data: dict[str, str] = self.payload.data
        return data


class _Challenge(CodeChallenge):  # type: ignore[misc]
    """PKCE, always, and never with the plain method (RFC 9700, section 2.1.1)."""

    SUPPORTED_CODE_CHALLENGE_METHOD: Final = [_S256]

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        super().validate_code_challenge(grant, redirect_uri)
        given = grant.request.payload.data
        if not given.get("code_challenge") or given.get("code_challenge_method") != _S256:
            message = f"'code_challenge' with the method '{_S256}' is needed"
            raise InvalidRequestError(message)


class _Grant(AuthorizationCodeGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS: Final = ["none"]

    def save_authorization_code(self, code: str, request: _Request) -> None:
        data = request.payload.data
        request.code = code
        request.granted = Granted(
            client_id=request.payload.client_id,
            redirect_uri=request.payload.redirect_uri,
            scope=request.scope,
            code_challenge=data["code_challenge"],
            code_challenge_method=data["code_challenge_method"],
            nonce=data.get("nonce"),
            auth_time=int(time.time()),
            person=request.user,
        )

    def query_authorization_code(self, _code: str, client: _Client) -> Granted | None:
        granted: Granted | None = self.request.granted
        return granted if granted and granted.client_id == client.client_id else None

    def delete_authorization_code(self, authorization_code: Granted) -> None:
        """Do nothing: the code was forgotten when it was looked up."""

    def authenticate_user(self, authorization_code: Granted) -> Person:
        return authorization_code.person


class _OpenID(OpenIDCode):  # type: ignore[misc]
    def __init__(self, key: TokenKey, issuer: str) -> None:
        super().__init__()
        self._token_key = key
        self._issuer = issuer

    def exists_nonce(self, _nonce: str, _request: _Request) -> bool:
        # A replayed nonce would be of use only to whoever could also redeem a code twice.
        return False

    def encode_id_token(self, token: Mapping[str, Any], request: _Request) -> str:
        claims = self.get_compatible_claims(request)
        claims |= self.get_authorization_code_claims(request.authorization_code)
        person: Person = request.user
        claims |= {"sub": str(person.id), "role": person.role.value}
        if "profile" in token["scope"].split():
            claims["name"] = person.name
        return self._token_key.sign(claims, "JWT")

    def get_client_claims(self, client: _Client) -> dict[str, Any]:
        return {"iss": self._issuer, "aud": client.client_id}


class Authorization(AuthorizationServer):  # type: ignore[misc]
    """The server at one address; made anew for every request, whose address it has."""

    def __init__(
        self, key: TokenKey, issuer: str, graphiql_redirect_uri: str, audience: str
    ) -> None:
        """Take the key, the address (``issuer``), and where GraphiQL waits for its code."""
        super().__init__()
        self._clients = {
            GRAPHIQL: _Client(GRAPHIQL, graphiql_redirect_uri.__eq__),
            DEVELOPER: _Client(DEVELOPER, is_loopback_redirect),
        }
        self.issuer = issuer

        def token(*, user: Person, scope: str, **_given: Any) -> dict[str, Any]:
            access_token = key.issue(
                user.role, user.id, user.roles, strong=user.strong, audience=audience
            )
            lives = {"token_type": "Bearer", "expires_in": TTL_SECONDS}
            return {"access_token": access_token, **lives, "scope": scope}

        self.register_token_generator("default", token)
        self.register_grant(_Grant, [_Challenge(required=True), _OpenID(key, issuer)])

    def asked(self, method: str, text: str) -> "Asked":
        """Check what the sign-in page is asked for; raises OAuth2Error.

        ``text`` are the parameters as they are sent. The error has a ``redirect_uri`` where the
        client is to be told; where it is None the person is, because the client is not trusted.
        """
        request = _Request(method, self.issuer, text)
        return Asked(self, request, self.get_consent_grant(request))

    def redeemed(self, text: str, granted: Granted | None) -> Response:
        """Answer the token endpoint; ``granted`` is what the code stood for, if anything."""
        try:
            request = _Request("POST", self.issuer, text, granted)
        except OAuth2Error as error:
            response: Response = error()
        else:
            response = self.create_token_response(request)
        return response

    def query_client(self, client_id: str) -> _Client | None:
        """Give a client, for authlib."""
        return self._clients.get(client_id)

    def save_token(self, token: Mapping[str, Any], request: _Request) -> None:
        """Store nothing, for authlib: the tokens speak for themselves."""

    def create_oauth2_request(self, request: _Request) -> _Request:
        """Give the request, for authlib, as it is."""
        return request

    def handle_response(self, status: int, body: Any, headers: Any) -> Response:
        """Give a response, for authlib."""
        return status, body, list(headers)

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Tell nobody, for authlib."""


class Asked:
    """A checked request for a code."""

    def __init__(self, server: Authorization, request: _Request, grant: Any) -> None:
        """Take what `Authorization.asked` checked."""
        self._server = server
        self._request = request
        self._grant = grant
        data = request.payload.data
        self.parameters: dict[str, str] = data
        self.redirect_uri: str = data["redirect_uri"]
        self.client_id: str = data["client_id"]
        self.wants_strong = STRONG in data.get("acr_values", "").split()

    def granted(self, person: Person | None) -> tuple[str, Granted | None, str]:
        """Give a new code, what it stands for, and the address to send the person to.

        Nobody (None) has declined; then there is no code, and the address says so.
        """
        response: Response = self._server.create_authorization_response(
            self._request, person, self._grant
        )
        location = dict(response[2])["Location"]
        return self._request.code, self._request.granted, location


__all__ = ["DEVELOPER", "GRAPHIQL", "SCOPES", "Asked", "Authorization", "Granted", "OAuth2Error"]
