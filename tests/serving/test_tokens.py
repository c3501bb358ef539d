"""Access tokens: got with a key, good for a few minutes, and forged in no way that was thought of."""

import base64
import hashlib
import hmac
import json
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI

from credit.errors import ServiceUnavailable
from serving.access.caller import SCOPES_OF, Scope, TenantKind
from serving.access.keys import create_api_key, revoke_api_key
from serving.access.signing_keys import FILE, read_or_make_signing_keys
from serving.access.tokens import AUDIENCE, ISSUER, LONGEST, Tokens
from serving.http.problems import PROBLEM_TYPE
from serving.store import Store
from tests.serving.client import Client


def prefix(key: str) -> str:
    return key.split("_")[1]


def ask_token(app: FastAPI, **form: str) -> Any:
    return Client(app, Accept_Language="en").post("/v1/oauth/token", data={"grant_type": "client_credentials"} | form)


def use(app: FastAPI, token: bytes | str, method: str = "GET", path: str = "/v1/models/current") -> Any:
    sent = token if isinstance(token, bytes) else token.encode("utf-8", "surrogatepass")
    return Client(app, Accept_Language="en").request(method, path, headers={"Authorization": b"Bearer " + sent})


def test_a_token_is_got_by_form_and_by_basic_and_works(app: FastAPI, key: str) -> None:
    by_form = ask_token(app, client_id=prefix(key), client_secret=key)
    assert by_form.status_code == 200, by_form.text
    assert by_form.headers["cache-control"] == "no-store"
    basic = base64.b64encode(f"{prefix(key)}:{key}".encode()).decode()
    by_basic = Client(app).post("/v1/oauth/token", data={"grant_type": "client_credentials"}, headers={"Authorization": f"Basic {basic}"})
    for answer in (by_form, by_basic):
        told = answer.json()
        assert told["token_type"] == "Bearer"
        assert told["expires_in"] == 600
        assert set(told["scope"].split()) == SCOPES_OF[TenantKind.BANK]
        assert use(app, told["access_token"]).status_code == 200


def test_a_token_has_the_scopes_asked_for_and_no_more(app: FastAPI, key: str) -> None:
    token = ask_token(app, client_id=prefix(key), client_secret=key, scope="score:read").json()["access_token"]
    refused = use(app, token)
    assert refused.status_code == 403
    assert refused.json()["type"] == "/docs#scope_missing"
    assert "model:read" in refused.json()["detail"]
    assert use(app, token, path="/v1/scores/none").status_code == 404


def test_a_revoked_key_ends_its_tokens_at_once(app: FastAPI, owner: Store, empty_bank: Any) -> None:
    key = create_api_key(owner, empty_bank, "soon revoked")
    token = ask_token(app, client_id=prefix(key), client_secret=key).json()["access_token"]
    assert use(app, token).status_code == 200
    revoke_api_key(owner, prefix(key))
    assert use(app, token).status_code == 401


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": ""}, 400, "invalid_request"),
        ({"client_id": "000000000000"}, 401, "invalid_client"),
        ({"client_secret": "lx_000000000000_" + "A" * 43}, 401, "invalid_client"),
        ({"client_secret": ""}, 401, "invalid_client"),
        ({"scope": "consent:write"}, 400, "invalid_scope"),
        ({"scope": "no:such"}, 400, "invalid_scope"),
    ],
)
def test_what_the_token_endpoint_refuses(app: FastAPI, key: str, form: dict[str, str], status: int, error: str) -> None:
    answer = ask_token(app, **({"client_id": prefix(key), "client_secret": key} | form))
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.headers["content-type"] == PROBLEM_TYPE
    assert key not in answer.text


@pytest.mark.parametrize(
    "body",
    [
        b"grant_type=client_credentials&grant_type=client_credentials",
        b"grant_type=%ff",
        "grant_type=客户".encode(),
        b"&".join(b"a=1" for _ in range(100)),
        b"",
    ],
)
def test_a_token_form_that_means_nothing_is_refused(app: FastAPI, body: bytes) -> None:
    answer = Client(app).post("/v1/oauth/token", content=body, headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def b64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


class Forger:
    """Knows a true token, the public key and every habit of the service, but not its private key."""

    def __init__(self, tokens: Tokens, sub: str) -> None:
        self.tokens = tokens
        self.true = tokens.issue(sub, frozenset({Scope.MODEL_READ}))
        self.head, self.body, self.tag = self.true.split(".")
        self.header: dict[str, Any] = json.loads(base64.urlsafe_b64decode(self.head + "=="))
        now = int(time.time())
        self.claims: dict[str, Any] = {
            **{"iss": ISSUER, "aud": AUDIENCE, "sub": sub, "iat": now, "exp": now + 600},
            **{"jti": "0" * 32, "scope": "model:read"},
        }
        self.public = tokens._key.public_key()

    def unsigned(self, header: dict[str, Any], tag: str = "") -> str:
        return f"{b64(json.dumps(header).encode())}.{b64(json.dumps(self.claims).encode())}.{tag}"

    def by(self, key: Any, algorithm: str, **header: Any) -> str:
        return jwt.encode(self.claims, key, algorithm=algorithm, headers=self.header | {"alg": algorithm} | header)

    def hmac_with(self, secret: bytes) -> str:
        text = f"{b64(json.dumps(self.header | {'alg': 'HS256'}).encode())}.{b64(json.dumps(self.claims).encode())}"
        return f"{text}.{b64(hmac.digest(secret, text.encode(), hashlib.sha256))}"

    def own(self, *without: str, header: dict[str, Any] | None = None, **claims: Any) -> str:
        """Signed with the true key, as only a mistake of ours could: the claims themselves must be refused."""
        told = {name: value for name, value in (self.claims | claims).items() if name not in without}
        return jwt.encode(told, self.tokens._key, algorithm="EdDSA", headers=self.header | (header or {}))

    def pem(self) -> bytes:
        return self.public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


NOW = int(time.time())
FORGED: dict[str, Callable[[Forger], str | bytes]] = {
    "alg none, no tag": lambda f: f.unsigned(f.header | {"alg": "none"}),
    "alg none, true tag": lambda f: f.unsigned(f.header | {"alg": "none"}, f.tag),
    "alg None": lambda f: f.unsigned(f.header | {"alg": "None"}, "x"),
    "alg NONE": lambda f: f.unsigned(f.header | {"alg": "NONE"}, "x"),
    "alg missing": lambda f: f.unsigned({"kid": f.header["kid"], "typ": "at+jwt"}, f.tag),
    "alg null": lambda f: f.unsigned(f.header | {"alg": None}, f.tag),
    "alg a list": lambda f: f.unsigned(f.header | {"alg": ["EdDSA"]}, f.tag),
    "HS256 with the public key": lambda f: f.hmac_with(f.public.public_bytes_raw()),
    "HS256 with the public key as PEM": lambda f: f.hmac_with(f.pem()),
    "HS256 with the kid": lambda f: f.hmac_with(f.header["kid"].encode()),
    "HS256 with nothing": lambda f: f.hmac_with(b""),
    "another Ed25519 key": lambda f: f.by(Ed25519PrivateKey.generate(), "EdDSA"),
    "an Ed448 key": lambda f: f.by(Ed448PrivateKey.generate(), "EdDSA"),
    "ES256": lambda f: f.by(ec.generate_private_key(ec.SECP256R1()), "ES256"),
    "RS256": lambda f: f.by(rsa.generate_private_key(public_exponent=65537, key_size=2048), "RS256"),
    "own key in jwk": lambda f: f.by(Ed25519PrivateKey.generate(), "EdDSA", jwk={"kty": "OKP", "crv": "Ed25519", "x": "AA"}),
    "jku": lambda f: f.own(header={"jku": "http://127.0.0.1:9/keys"}),
    "x5u": lambda f: f.own(header={"x5u": "http://127.0.0.1:9/cert"}),
    "crit": lambda f: f.own(header={"crit": ["exp"]}),
    "kid a path": lambda f: f.own(header={"kid": "../../../dev/null"}),
    "kid SQL": lambda f: f.own(header={"kid": "' OR 1=1 --"}),
    "kid of another": lambda f: f.own(header={"kid": "0" * 16}),
    "typ JWT": lambda f: f.own(header={"typ": "JWT"}),
    "expired": lambda f: f.own(iat=NOW - 1200, exp=NOW - 600),
    "never expires": lambda f: f.own("exp"),
    "lives a year": lambda f: f.own(exp=NOW + 31_536_000),
    "lives to the end of numbers": lambda f: f.own(exp=10**30),
    "expires as a text": lambda f: f.own(exp=str(NOW + 600)),
    "no iat": lambda f: f.own("iat"),
    "begins tomorrow": lambda f: f.own(iat=NOW + 86_400, exp=NOW + 86_700),
    "not before tomorrow": lambda f: f.own(nbf=NOW + 86_400),
    "no audience": lambda f: f.own("aud"),
    "another audience": lambda f: f.own(aud="another-api"),
    "a list of audiences": lambda f: f.own(aud=[AUDIENCE, "another-api"]),
    "no issuer": lambda f: f.own("iss"),
    "another issuer": lambda f: f.own(iss="https://lianxin.example"),
    "no subject": lambda f: f.own("sub"),
    "a key that is not there": lambda f: f.own(sub="0" * 12),
    "SQL as a subject": lambda f: f.own(sub="' OR '1'='1"),
    "no scope": lambda f: f.own("scope"),
    "no jti": lambda f: f.own("jti"),
    "tag cut short": lambda f: f.true[:-4],
    "tag missing": lambda f: f"{f.head}.{f.body}.",
    "tag of zeros": lambda f: f"{f.head}.{f.body}.{'A' * len(f.tag)}",
    "one bit of the tag": lambda f: f.true[:-10] + ("A" if f.true[-10] != "A" else "B") + f.true[-9:],
    "body changed": lambda f: f"{f.head}.{b64(json.dumps(f.claims | {'scope': 'score:write'}).encode())}.{f.tag}",
    "two parts": lambda f: f"{f.head}.{f.body}",
    "four parts": lambda f: f"{f.true}.x",
    "five parts, as encrypted": lambda f: "a.b.c.d.e",
    "nested": lambda f: f"{f.head}.{b64(f.true.encode())}.{f.tag}",
    "blanks around": lambda f: f"  {f.true}  ",
    "a line break": lambda f: f.true[:20] + "\t" + f.true[20:],
    "padding": lambda f: f.true + "==",
    "unicode": lambda f: "令牌.令牌.令牌".encode(),
    "look-alikes": lambda f: f.true.replace("e", "е", 1).encode(),
    "a lone surrogate": lambda f: "\ud800.\ud800.\ud800",
    "bytes that are no text": lambda f: b"\xff\xfe.\xff.\xff",
    "100 kB": lambda f: f"{f.head}.{'A' * 100_000}.{f.tag}",
    "a deep body": lambda f: f"{f.head}.{b64(b'[' * 1000)}.{f.tag}",
    "empty": lambda f: "",
    "dots": lambda f: "..",
    "an API key": lambda f: "lx_000000000000_" + "A" * 43,
}


def test_there_are_enough_forgeries() -> None:
    assert len(FORGED) >= 40


def test_the_forger_begins_with_a_true_token(app: FastAPI, key: str) -> None:
    forger = Forger(app.state.service.tokens, prefix(key))
    assert use(app, forger.true).status_code == 200
    assert use(app, forger.own()).status_code == 200


def _nobody_is_asked(*_: object) -> None:
    pytest.fail("a token led to a connection")


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_token_is_refused_and_nothing_is_told(app: FastAPI, key: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    forged = FORGED[name](Forger(app.state.service.tokens, prefix(key)))
    plain = Client(app, Accept_Language="en").get("/v1/models/current")
    monkeypatch.setattr(socket, "getaddrinfo", _nobody_is_asked)
    monkeypatch.setattr(socket.socket, "connect", _nobody_is_asked)
    answer = use(app, forged)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == PROBLEM_TYPE
    changing = {"request_id", "instance"}
    assert {k: v for k, v in answer.json().items() if k not in changing} == {k: v for k, v in plain.json().items() if k not in changing}


def test_a_key_and_a_token_together_are_refused(app: FastAPI, key: str) -> None:
    true = Forger(app.state.service.tokens, prefix(key)).true
    assert Client(app, X_API_Key=key, Authorization=f"Bearer {true}").get("/v1/models/current").status_code == 401
    assert Client(app, Authorization=f"Basic {true}").get("/v1/models/current").status_code == 401


def test_a_token_is_never_longer_than_is_read(app: FastAPI) -> None:
    assert len(app.state.service.tokens.issue("0" * 12, frozenset(Scope))) < LONGEST / 2


def test_a_key_file_of_an_older_version_gets_its_salt_once(tmp_path: Path) -> None:
    made = read_or_make_signing_keys(tmp_path)
    file = tmp_path / FILE
    kept = json.loads(file.read_text())
    assert len(made.salt) == 32
    assert made.salt.hex() not in repr(made)
    del kept["salt"]
    file.write_text(json.dumps(kept))
    first, again = read_or_make_signing_keys(tmp_path), read_or_make_signing_keys(tmp_path)
    assert first.salt == again.salt != made.salt
    assert first.anchor_public == made.anchor_public
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_text(json.dumps(kept | {"salt": "00"}))
    with pytest.raises(ServiceUnavailable):
        read_or_make_signing_keys(tmp_path)
