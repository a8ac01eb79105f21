"""Kafka asks for OAUTHBEARER tokens that soon expire: job and processes go on with those that appear in the file."""

from __future__ import annotations

import json
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from headwater.pipelines.settings import Settings, client_properties
from headwater.pipelines.stack import artifacts
from headwater.pipelines.stack.broker import Broker
from headwater.pipelines.stack.flink import FlinkCluster
from headwater.pipelines.stack.ports import LOOPBACK, free_ports
from headwater.pipelines.stack.process import running
from headwater.pipelines.stack.registry import Registry
from tests.integration.compute_lab import key_of, make_lab
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

LIFETIME_SECONDS = 15
"""Of a token; and a connection has to show a new one before the old one has expired."""


@dataclass(frozen=True)
class TokenBroker(Broker):
    """A broker that lets in whoever comes, and at another address whoever has a token."""

    token_port: int = 0

    @property
    def token_address(self) -> str:
        return f"{LOOPBACK}:{self.token_port}"

    def _configuration(self) -> dict[str, object]:
        found = super()._configuration()
        listener = f"TOKENS://{self.token_address}"
        return {
            **found,
            "listeners": f"{found['listeners']},{listener}",
            "advertised.listeners": f"{found['advertised.listeners']},{listener}",
            "listener.security.protocol.map": f"{found['listener.security.protocol.map']},TOKENS:SASL_PLAINTEXT",
            "listener.name.tokens.sasl.enabled.mechanisms": "OAUTHBEARER",
            "listener.name.tokens.oauthbearer.sasl.jaas.config": (
                "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;"
            ),
            "listener.name.tokens.oauthbearer.connections.max.reauth.ms": LIFETIME_SECONDS * 1000,
        }


@pytest.fixture(scope="module")
def token_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TokenBroker]:
    directory = tmp_path_factory.mktemp("token_broker")
    port, controller_port, token_port = free_ports(3)
    server = TokenBroker(
        directory=directory / "broker",
        log=directory / "broker.log",
        port=port,
        controller_port=controller_port,
        classpath=artifacts.broker_classpath(),
        token_port=token_port,
    )
    server.prepare()
    with running(server.spec()):
        yield server


def token(lifetime_seconds: float) -> str:
    """A JWT without a signature, which a broker takes that was told of no authority."""
    now = time.time()
    parts = ({"alg": "none"}, {"sub": "ann", "iat": now - 1, "exp": now + lifetime_seconds})
    return "".join(urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") + "." for part in parts)


@contextmanager
def kept_current(file: Path) -> Iterator[None]:
    """A file whose token is replaced again and again, as a cloud's agent does."""
    stop = threading.Event()

    def renew() -> None:
        while not stop.wait(3):
            new = file.with_suffix(".new")
            new.write_text(token(LIFETIME_SECONDS))
            new.rename(file)

    file.write_text(token(LIFETIME_SECONDS))
    agent = threading.Thread(target=renew)
    agent.start()
    try:
        yield
    finally:
        stop.set()
        agent.join()


def token_settings(broker: TokenBroker, file: Path) -> dict[str, str]:
    return {
        "kafka_bootstrap_servers": broker.token_address,
        "kafka_security_protocol": "SASL_PLAINTEXT",
        "kafka_sasl_mechanism": "OAUTHBEARER",
        "kafka_token_file": str(file),
    }


def test_a_job_goes_on_beyond_the_life_of_its_first_token(
    token_broker: TokenBroker,
    registry: Registry,
    flink: FlinkCluster,
    tmp_path: Path,
    unique_name: Callable[[str], str],
) -> None:
    file = tmp_path / "token"
    lab = make_lab(token_broker, registry, flink, tmp_path, unique_name("tokens"))
    with kept_current(file), lab.job(**token_settings(token_broker, file)) as process:
        first = time.monotonic()
        lab.produce([lab.frame(customer_id="early")])
        wait_until(lambda: key_of("early", lab) in lab.log().rows, 60, "the first row")
        wait_until(lambda: time.monotonic() - first > 1.5 * LIFETIME_SECONDS, 60, "the first token to expire")
        lab.produce([lab.frame(customer_id="later")])
        wait_until(lambda: key_of("later", lab) in lab.log().rows, 60, "a row after the first token has expired")
        assert not process.has_died()
        assert process.output().count('"job_submitted"') == 1


def test_a_python_client_goes_on_beyond_the_life_of_its_first_token(token_broker: TokenBroker, tmp_path: Path) -> None:
    file = tmp_path / "token"
    with kept_current(file):
        settings = Settings(**token_settings(token_broker, file))  # type: ignore[arg-type]
        admin, producer = (each({"log_level": 0, **client_properties(settings)}) for each in (AdminClient, Producer))
        for _ in range(4):
            assert admin.list_topics(timeout=20).brokers
            assert producer.list_topics(timeout=20).brokers
            time.sleep(LIFETIME_SECONDS / 2)
