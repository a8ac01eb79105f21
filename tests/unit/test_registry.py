"""A registry in trouble: each kind is told as what it is, retried where that can help, and never with a password."""

from __future__ import annotations

import base64
import datetime as dt
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from headwater.pipelines.registry import Registry
from headwater.pipelines.settings import Settings
from headwater.pipelines.stack.ports import free_ports
from headwater.schemas.errors import ContractError, HeadwaterError, RegistryError, SettingsError
from tests.unit.contract_files import SUBJECT, click
from tests.unit.fake_registry import HANG, Answer, FakeRegistry

SECRET = "correct-horse"
BASIC = {"basic.auth.user.info": f"anna:{SECRET}"}
BEARER = {
    "bearer.auth.credentials.source": "STATIC_TOKEN",
    "bearer.auth.token": SECRET,
    "bearer.auth.logical.cluster": "lsrc-1",
    "bearer.auth.identity.pool.id": "pool-1",
}


@pytest.fixture
def fake() -> Iterator[FakeRegistry]:
    with FakeRegistry() as server:
        yield server


def registry_of(
    url: str, *, retries: int = 0, timeout_seconds: float = 5.0, properties: Mapping[str, str] | None = None
) -> Registry:
    named = {name: SecretStr(value) for name, value in (properties or {}).items()}
    settings = Settings(registry_url=url, registry_properties=named)
    return Registry(settings, retries=retries, timeout_seconds=timeout_seconds)


TROUBLE: dict[str, tuple[Answer, type[HeadwaterError], str]] = {
    "401": ((401, {"error_code": 40101, "message": "who are you?"}), RegistryError, "refuses these credentials (401)"),
    "403": ((403, {"error_code": 40301, "message": "no"}), RegistryError, "refuses these credentials (403): no"),
    "409": ((409, {"error_code": 409, "message": "not compatible"}), ContractError, f"refuses a schema of {SUBJECT}"),
    "422": (
        (422, {"error_code": 42201, "message": "invalid"}),
        ContractError,
        f"refuses a schema of {SUBJECT}: invalid",
    ),
    "read-only": ((422, {"error_code": 42205, "message": "in READONLY mode"}), RegistryError, "is read-only"),
    "read-only Apicurio": ((409, {"error_code": 0, "message": "in read-only mode."}), RegistryError, "is read-only"),
    "500": ((500, {"error_code": 50001, "message": "store error"}), RegistryError, "answers 500: store error"),
    "500 in HTML": ((500, "<html>oops</html>"), RegistryError, "answers 500"),
    "a 404 of something else": ((404, "<html>nginx</html>"), RegistryError, "answers 404"),
    "no JSON": ((200, "<html>a proxy</html>"), RegistryError, "not an answer of a schema registry"),
    "other JSON": ((200, "[]"), RegistryError, "not an answer of a schema registry"),
}


@pytest.mark.parametrize("case", TROUBLE)
def test_each_trouble_is_told_as_what_it_is(fake: FakeRegistry, case: str) -> None:
    answer, kind, told = TROUBLE[case]
    fake.fault = lambda method, path: answer
    with registry_of(fake.url) as registry, pytest.raises(kind) as caught:
        registry.register(SUBJECT, click())
    assert told in str(caught.value)
    assert fake.url in str(caught.value)


def test_a_registry_that_is_slow_is_told_with_how_long_was_waited(fake: FakeRegistry) -> None:
    fake.fault = lambda method, path: HANG
    with (
        registry_of(fake.url, timeout_seconds=0.2) as registry,
        pytest.raises(RegistryError, match=r"does not answer within 0\.2 s"),
    ):
        registry.subject(SUBJECT)


def test_a_registry_that_is_down_is_told() -> None:
    (port,) = free_ports(1)
    with registry_of(f"http://127.0.0.1:{port}") as registry, pytest.raises(RegistryError, match="cannot be reached"):
        registry.subject(SUBJECT)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_may_pass_is_tried_again(fake: FakeRegistry, status: int) -> None:
    fake.fault = lambda method, path: (status, "busy") if len(fake.calls) <= 2 else None
    with registry_of(fake.url, retries=2) as registry:
        assert registry.register(SUBJECT, click()) == 1
    assert len(fake.calls) == 3


@pytest.mark.parametrize("status", [401, 403, 409, 422])
def test_what_does_not_pass_by_itself_is_not_tried_again(fake: FakeRegistry, status: int) -> None:
    fake.fault = lambda method, path: (status, {"error_code": status, "message": "no"})
    with registry_of(fake.url, retries=2) as registry, pytest.raises(HeadwaterError):
        registry.register(SUBJECT, click())
    assert len(fake.calls) == 1


def test_what_is_not_there_is_no_error(fake: FakeRegistry) -> None:
    with registry_of(fake.url) as registry:
        assert registry.schema_text(7) is None
        assert registry.level(SUBJECT) is None
        assert registry.subject(SUBJECT).versions == ()


def test_basic_authentication_is_a_property_of_the_client(fake: FakeRegistry) -> None:
    with registry_of(fake.url, properties=BASIC) as registry:
        registry.subject(SUBJECT)
    assert fake.authorizations == {f"Basic {base64.b64encode(f'anna:{SECRET}'.encode()).decode()}"}


def test_a_bearer_token_is_a_property_of_the_client(fake: FakeRegistry) -> None:
    with registry_of(fake.url, properties=BEARER) as registry:
        registry.subject(SUBJECT)
    assert fake.authorizations == {f"Bearer {SECRET}"}


def test_tls_trusts_the_authority_that_is_named_and_no_other(tmp_path: Path) -> None:
    certificate = self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with FakeRegistry(context) as fake:
        with registry_of(fake.url, properties={"ssl.ca.location": str(certificate)}) as registry:
            assert registry.register(SUBJECT, click()) == 1
        with registry_of(fake.url) as registry, pytest.raises(RegistryError, match="CERTIFICATE_VERIFY_FAILED"):
            registry.subject(SUBJECT)


@pytest.mark.parametrize("properties", [BASIC, BEARER])
@pytest.mark.parametrize("case", TROUBLE)
def test_no_error_holds_a_password(fake: FakeRegistry, case: str, properties: dict[str, str]) -> None:
    answer, kind, _ = TROUBLE[case]
    fake.fault = lambda method, path: answer
    with registry_of(fake.url, properties=properties) as registry, pytest.raises(kind) as caught:
        registry.register(SUBJECT, click())
    assert SECRET not in str(caught.value)


def test_a_password_or_token_in_a_file_is_read_anew_for_each_request(fake: FakeRegistry, tmp_path: Path) -> None:
    password = tmp_path / "password"
    registry = Registry(Settings(registry_url=fake.url, registry_user="anna", registry_password_file=password))
    for each in ("first", "second"):
        password.write_text(f"{each}\n")
        registry.subject(SUBJECT)
    assert fake.authorizations == {
        f"Basic {base64.b64encode(f'anna:{each}'.encode()).decode()}" for each in ("first", "second")
    }
    fake.authorizations.clear()
    Registry(Settings(registry_url=fake.url, registry_token=SecretStr(SECRET))).subject(SUBJECT)
    assert fake.authorizations == {f"Bearer {SECRET}"}


@pytest.mark.parametrize(
    ("properties", "told"),
    [
        ({"basic.auth.user": "anna"}, "Unrecognized properties: basic.auth.user"),
        ({"basic.auth.user.info": "anna"}, "must be in the form of {username}:{password}"),
        ({"ssl.ca.location": "/no/such/file.pem"}, "No such file"),
    ],
)
def test_properties_that_are_none_are_told_as_a_setting(properties: dict[str, str], told: str) -> None:
    registry = registry_of("http://127.0.0.1:1", properties=properties)
    with pytest.raises(SettingsError, match=f"HEADWATER_REGISTRY_PROPERTIES.*{told}"):
        registry.subject(SUBJECT)


def self_signed(directory: Path) -> Path:
    """A file with a certificate of localhost, which is its own authority, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = directory / "registry.pem"
    pem, private = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    file.write_bytes(key.private_bytes(pem, private, serialization.NoEncryption()) + certificate.public_bytes(pem))
    return file
