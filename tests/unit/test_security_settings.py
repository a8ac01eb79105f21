"""Secrets come from the environment or from files, contradictions are named, and nothing shows a secret."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError
from redis import Redis

from headwater.pipelines import log_consumer
from headwater.pipelines.deployment import deployment_of
from headwater.pipelines.online_store import connect
from headwater.pipelines.reader import OnlineReader
from headwater.pipelines.security import kafka, registry
from headwater.pipelines.security.redis import redis_options
from headwater.pipelines.settings import FILE_VARIABLE, Settings, client_properties, load_settings
from headwater.pipelines.submission import prepare
from headwater.schemas.errors import BrokerError, SettingsError
from tests.feature_log_rows import make_plan

PLANTED = "planted-Secret-7"
SCRAM = {"kafka_security_protocol": "SASL_SSL", "kafka_sasl_mechanism": "SCRAM-SHA-512", "kafka_user": "ann"}


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    file = tmp_path / "secret"
    file.write_text(f"{PLANTED}\n")
    return file


def test_a_mounted_directory_is_the_files_of_the_settings_that_its_files_are_named_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("kafka_password", "kafka_ca", "redis_password", "unknown"):
        (tmp_path / name).write_text(PLANTED)
    monkeypatch.setenv("HEADWATER_SECRETS_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("HEADWATER_REDIS_PASSWORD_FILE", str(tmp_path / "unknown"))
    (tmp_path / "kafka_user").write_text("ann\n")
    settings = load_settings(kafka_security_protocol="SASL_SSL", kafka_sasl_mechanism="SCRAM-SHA-512")
    assert settings.kafka_user == "ann"
    assert settings.kafka_password_file == tmp_path / "kafka_password"
    assert settings.redis_password_file == tmp_path / "unknown"
    assert client_properties(settings)["sasl.password"] == PLANTED


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"kafka_password": "a", "kafka_password_file": "/dev/null"}, "HEADWATER_KAFKA_PASSWORD_FILE are both set"),
        ({"redis_key_file": "/dev/null"}, "HEADWATER_REDIS_CERTIFICATE_FILE and _KEY_FILE go together"),
        ({"kafka_security_protocol": "SASL_SSL"}, "HEADWATER_KAFKA_SASL_MECHANISM is not set"),
        (
            {"kafka_security_protocol": "SSL", "kafka_sasl_mechanism": "PLAIN"},
            "HEADWATER_KAFKA_SASL_MECHANISM is PLAIN",
        ),
        (SCRAM, "SCRAM-SHA-512 needs HEADWATER_KAFKA_USER and HEADWATER_KAFKA_PASSWORD_FILE"),
        ({"kafka_ca_file": "/dev/null"}, "HEADWATER_KAFKA_CA_FILE needs HEADWATER_KAFKA_SECURITY_PROTOCOL"),
        ({**SCRAM, "kafka_sasl_mechanism": "OAUTHBEARER"}, "OAUTHBEARER needs HEADWATER_KAFKA_TOKEN_FILE"),
        ({**SCRAM, "kafka_password_file": "/no/such"}, "HEADWATER_KAFKA_PASSWORD_FILE: /no/such: No such file"),
        ({"registry_url": f"http://ann:{PLANTED}@r"}, "HEADWATER_REGISTRY_URL: .*must not hold a password"),
    ],
)
def test_settings_that_do_not_fit_together_are_told_with_a_remedy(given: dict[str, str], told: str) -> None:
    with pytest.raises(SettingsError, match=told) as caught:
        load_settings(**given)
    assert PLANTED not in f"{caught.value} {caught.value.__cause__}"


def test_a_malformed_setting_is_told_without_its_value(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HEADWATER_KAFKA_PROPERTIES", f'{{"sasl.password": "{PLANTED}"')
    with pytest.raises(SettingsError, match="kafka_properties") as caught:
        load_settings()
    assert PLANTED not in f"{caught.value} {caught.value.__cause__} {caught.value.__context__ or ''}"[:200]
    monkeypatch.delenv("HEADWATER_KAFKA_PROPERTIES")
    file = tmp_path / "settings"
    file.write_text(f"HEADWATER_KAFKA_PASWORD={PLANTED}\n")
    monkeypatch.setenv(FILE_VARIABLE, str(file))
    with pytest.raises(SettingsError, match="KAFKA_PASWORD") as caught:
        load_settings()
    assert PLANTED not in f"{caught.value} {caught.value.__cause__}"


def test_files_of_tls_are_refused_with_a_url_that_is_without(secret_file: Path) -> None:
    with pytest.raises(SettingsError, match="rediss://"):
        redis_options(Settings(redis_ca_file=secret_file))
    with pytest.raises(SettingsError, match="https://"):
        registry.python_properties(Settings(registry_ca_file=secret_file))


def test_redis_is_not_told_of_two_passwords(secret_file: Path) -> None:
    url = SecretStr("redis://ann:other@127.0.0.1:1/0")
    with pytest.raises(SettingsError, match="keep the latter"):
        connect(Settings(redis_url=url, redis_password_file=secret_file))


def test_redis_gets_the_password_that_stands_in_the_file_at_each_connection(secret_file: Path) -> None:
    client: Redis = connect(Settings(redis_user="ann", redis_password_file=secret_file))
    provider = client.connection_pool.connection_kwargs["credential_provider"]
    assert provider.get_credentials() == ("ann", PLANTED)
    secret_file.write_text("another")
    assert provider.get_credentials() == ("ann", "another")
    assert PLANTED not in repr(client)


def test_a_reader_takes_all_settings_of_redis(secret_file: Path) -> None:
    settings = Settings(
        redis_url=SecretStr("rediss://127.0.0.1:1/0"), redis_password_file=secret_file, redis_ca_file=secret_file
    )
    with OnlineReader(settings, "customer_purchases") as reader:
        assert PLANTED not in repr(vars(reader))


def test_no_secret_that_stands_in_a_file_travels_with_the_job(secret_file: Path) -> None:
    settings = Settings(
        **{**SCRAM, "kafka_password_file": secret_file, "kafka_ca_file": secret_file},  # type: ignore[arg-type]
        registry_url="https://registry",
        registry_user="ann",
        registry_password_file=secret_file,
    )
    plan = make_plan()
    deployment = deployment_of(plan, settings, log_schema_id=1, dead_letter_schema_id=2, late_schema_id=3)
    assert PLANTED not in prepare(plan, deployment, settings, jars=()).model_dump_json()
    assert deployment.kafka_properties["headwater.sasl.password.file"] == str(secret_file)
    assert deployment.registry_password_file == str(secret_file)


def test_a_secret_of_the_environment_travels_with_the_job_and_is_not_shown() -> None:
    settings = Settings(**SCRAM, kafka_password=PLANTED, registry_url="https://r", registry_token=PLANTED)  # type: ignore[arg-type]
    deployment = deployment_of(make_plan(), settings, log_schema_id=1, dead_letter_schema_id=2, late_schema_id=3)
    assert PLANTED in deployment.kafka_properties["sasl.jaas.config"]
    assert PLANTED not in f"{settings!r} {deployment!r}"


class Client:
    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def set_sasl_credentials(self, username: str, password: str) -> None:
        self.told.append((username, password))


def test_a_client_is_told_of_a_password_that_was_replaced_and_of_no_other(
    secret_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka, "RENEWAL_SECONDS", 0.0)
    renewal = kafka.PasswordRenewal(Settings(**SCRAM, kafka_password_file=secret_file))  # type: ignore[arg-type]
    client = Client()
    renewal.renew(client)
    secret_file.unlink()
    renewal.renew(client)
    secret_file.write_text("another")
    renewal.renew(client)
    renewal.renew(client)
    assert client.told == [("ann", "another")]


class LogClient(Client):
    def __init__(self, properties: dict[str, object]) -> None:
        super().__init__()
        self.properties = properties

    def get_watermark_offsets(self, *_: object, **__: object) -> tuple[int, int]:
        return 0, len(self.told)


def test_a_materializer_that_only_asks_where_its_log_ends_goes_on_with_a_new_password(
    secret_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka, "RENEWAL_SECONDS", 0.0)
    monkeypatch.setattr(log_consumer, "Consumer", LogClient)
    settings = Settings(**SCRAM, kafka_password_file=secret_file)  # type: ignore[arg-type]
    consumer = log_consumer.LogConsumer(settings, make_plan())
    assert consumer.bounds(0).end == 0
    secret_file.write_text("another")
    assert consumer.bounds(0).end == 1


def test_a_token_is_read_anew_and_held_until_it_says_that_it_expires(secret_file: Path) -> None:
    settings = Settings(
        kafka_security_protocol="SASL_SSL", kafka_sasl_mechanism="OAUTHBEARER", kafka_token_file=secret_file
    )
    callback = client_properties(settings)["oauth_cb"]
    token, expiry = callback("")
    assert token == PLANTED
    assert expiry > time.time()
    claims = base64.urlsafe_b64encode(json.dumps({"exp": 4_000_000_000}).encode()).decode().rstrip("=")
    secret_file.write_text(f"e30.{claims}.x")
    assert callback("") == (f"e30.{claims}.x", 4_000_000_000.0)
    assert kafka.job_properties(settings)["headwater.sasl.token.file"] == str(secret_file)


def test_a_token_that_has_expired_is_told_before_a_client_waits_for_a_better_one(secret_file: Path) -> None:
    claims = base64.urlsafe_b64encode(json.dumps({"exp": time.time() - 60}).encode()).decode().rstrip("=")
    secret_file.write_text(f"e30.{claims}.x")
    given = {"kafka_security_protocol": "SASL_SSL", "kafka_sasl_mechanism": "OAUTHBEARER"}
    with pytest.raises(BrokerError, match="HEADWATER_KAFKA_TOKEN_FILE: the token expired 60 s ago"):
        client_properties(Settings(**given, kafka_token_file=secret_file))  # type: ignore[arg-type]
    failing = Settings(**given, kafka_token_provider=f"{__name__}:no_token")  # type: ignore[arg-type]
    with pytest.raises(BrokerError, match=r"no_token gives no token: OSError\('away'\)"):
        client_properties(failing)


def fixed_token() -> tuple[str, float]:
    return "a token", 4_000_000_000.0


def no_token() -> tuple[str, float]:
    raise OSError("away")


def test_tokens_may_come_from_a_function_for_which_the_job_needs_a_class_of_its_own() -> None:
    given = {"kafka_security_protocol": "SASL_SSL", "kafka_sasl_mechanism": "OAUTHBEARER"}
    settings = Settings(**given, kafka_token_provider=f"{__name__}:fixed_token")  # type: ignore[arg-type]
    assert client_properties(settings)["oauth_cb"]("") == ("a token", 4_000_000_000.0)
    with pytest.raises(SettingsError, match="HEADWATER_KAFKA_TOKEN_HANDLER"):
        kafka.job_properties(settings)
    told = settings.model_copy(update={"kafka_token_handler": "org.example.Tokens"})
    assert kafka.job_properties(told)["sasl.login.callback.handler.class"] == "org.example.Tokens"
    with pytest.raises(SettingsError, match="no module:function"):
        client_properties(Settings(**given, kafka_token_provider="no.such:thing"))  # type: ignore[arg-type]


def test_what_is_wrong_in_the_settings_themselves_hides_their_values() -> None:
    with pytest.raises(ValidationError) as caught:
        Settings(kafka_password={"x": PLANTED})  # type: ignore[arg-type]
    assert PLANTED not in str(caught.value)
