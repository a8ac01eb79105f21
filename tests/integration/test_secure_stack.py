"""A stack with everything secured: it is right, each component has what it needs, and no secret shows."""

from __future__ import annotations

import datetime as dt
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import psutil
import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AclBinding, AdminClient
from pydantic import SecretStr
from redis.exceptions import RedisError

from headwater.pipelines.demo.traffic import Traffic
from headwater.pipelines.online_store import connect
from headwater.pipelines.reader import OnlineReader
from headwater.pipelines.registry import Registry
from headwater.pipelines.rollout.acl_actions import GrantAcls, RevokeAcls
from headwater.pipelines.rollout.applying import apply_rollout
from headwater.pipelines.rollout.planning import plan_rollout
from headwater.pipelines.rollout.world import World
from headwater.pipelines.security import kafka_acls
from headwater.pipelines.security.grants import COMPONENTS, Component, Grants, KafkaGrant, users_of
from headwater.pipelines.security.names import NAMES
from headwater.pipelines.settings import Settings, client_properties
from headwater.pipelines.stack.authority import Authority, Identity, write_private
from headwater.pipelines.stack.enforcement import let_in
from headwater.pipelines.stack.security import StackSecurity
from headwater.pipelines.verification import verify
from headwater.schemas.errors import HeadwaterError
from headwater.schemas.plan import Plan
from tests.integration.secure_lab import DOES, VIEW, SecureStack
from tests.waiting import wait_until

pytestmark = [pytest.mark.needs_apt, pytest.mark.timeout(900)]  # a Redis that speaks TLS

EVENTS = 2_000

OTHER: dict[Component, Component] = {
    "compute": "materialize",
    "materialize": "archive",
    "archive": "reader",
    "watch": "archive",
    "reader": "producer",
    "producer": "watch",
    "letters": "compute",
    "apply": "letters",
}
"""Whose user each component is given to show that it does not do."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureStack]:
    found = SecureStack(tmp_path_factory.mktemp("secure") / "state")
    try:
        found.up()
        Traffic(found.settings("producer"), seed=5, customers=50, rate=1).send_history(EVENTS)
        yield found
    finally:
        found.down()


def test_both_stores_equal_the_reference(stack: SecureStack) -> None:
    verdict = verify(stack.settings(), stack.plan, timeout_seconds=120)
    assert verdict.right, str(verdict)
    assert verdict.events == EVENTS


@pytest.mark.parametrize("component", COMPONENTS)
def test_a_component_works_with_its_own_grants(stack: SecureStack, component: Component) -> None:
    DOES[component](stack.settings(component), stack.plan)


@pytest.mark.parametrize("component", COMPONENTS)
def test_a_component_fails_with_anothers_grants_and_says_why(stack: SecureStack, component: Component) -> None:
    with pytest.raises((HeadwaterError, KafkaException, RedisError, AssertionError)) as caught:
        DOES[component](stack.settings(OTHER[component]), stack.plan)
    told = str(caught.value)
    assert re.search("authoriz|permission|NOPERM|invalid username|refuses these credentials", told, re.IGNORECASE), told
    if isinstance(caught.value, HeadwaterError):
        assert "headwater acls" in told or "HEADWATER_" in told, told


def test_commands_of_the_local_stack_use_the_users_that_they_need(stack: SecureStack) -> None:
    assert "count_24h" in stack.run("get", VIEW, "customer_id=customer-00001", "--state", str(stack.root))
    stack.run("dead-letters", "list", VIEW, "--state", str(stack.root))
    assert "customer-" in stack.run("tail", VIEW, "--since", "1h", "--limit", "1", "--state", str(stack.root))
    assert "ready" in stack.run("status", "--state", str(stack.root))


def test_acls_that_were_taken_away_are_given_back_and_what_is_too_much_is_told(
    stack: SecureStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin_settings, users = stack.settings(), users_of([stack.plan])
    for name in admin_settings.model_fields_set:
        value = getattr(admin_settings, name)
        text = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        monkeypatch.setenv(f"HEADWATER_{name.upper()}", text)
    with World(admin_settings) as world:
        lost = next(acl for acl in wanted(users, "producer") if "WRITE" in kafka_acls.described(acl))
        more = kafka_acls.bindings(
            NAMES.format(component="archive", view=VIEW),
            [KafkaGrant("group", "others", ("Describe",))],
        )
        kafka_acls.delete(world.admin, [lost])
        kafka_acls.create(world.admin, more)
        plan = str(stack.state.views[0].plan)
        told = stack.run("acls", plan, "--json", "--apply")
        assert "1 ACLs created, 0 deleted" in told
        assert "others; --prune deletes it" in told
        assert "0 ACLs created, 1 deleted" in stack.run("acls", plan, "--apply", "--prune")
        assert kafka_acls.difference(world.admin, users) == ((), ())


def test_a_plan_with_acls_gives_users_what_they_lack_and_takes_it_from_those_of_a_removed_view(
    stack: SecureStack,
) -> None:
    users, producer = users_of([stack.plan]), NAMES.format(component="producer", view=VIEW)
    with World(stack.settings()) as world:
        kafka_acls.delete(world.admin, wanted(users, "producer"))
        given = plan_rollout(world, [stack.plan], users=NAMES)
        assert given.actions == (GrantAcls(user=producer, grants=kafka_acls.kafka_grants(users[producer])),)
        assert plan_rollout(world, [stack.plan]).actions == ()

        apply_rollout(world, given, lambda *_: None)
        assert kafka_acls.difference(world.admin, users) == ((), ())
        assert plan_rollout(world, [stack.plan], users=NAMES).actions == ()

        removed = plan_rollout(world, [], [VIEW], NAMES)
        revoked = {action.user: action for action in removed.actions if isinstance(action, RevokeAcls)}
        assert revoked.keys() == {user for user in users if kafka_acls.kafka_grants(users[user])}
        revoked[producer].carry_out(world)
        assert set(kafka_acls.difference(world.admin, users).missing) == set(wanted(users, "producer"))
        given.actions[0].carry_out(world)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"kafka_password_file": "wrong"}, "HEADWATER_KAFKA_USER"),
        ({"kafka_ca_file": "wrong"}, "HEADWATER_KAFKA_CA_FILE"),
        ({"kafka_certificate_file": "expired", "kafka_key_file": "expired"}, "HEADWATER_KAFKA_CERTIFICATE_FILE"),
        ({"kafka_certificate_file": "wrong", "kafka_key_file": "wrong"}, "HEADWATER_KAFKA_CERTIFICATE_FILE"),
        ({"registry_password_file": "wrong"}, "HEADWATER_REGISTRY_USER"),
        ({"registry_ca_file": "wrong"}, "CERTIFICATE_VERIFY_FAILED"),
        ({"redis_password_file": "wrong"}, "HEADWATER_REDIS_USER"),
        ({"redis_ca_file": "wrong"}, "HEADWATER_REDIS_CA_FILE"),
        ({"redis_certificate_file": "expired", "redis_key_file": "expired"}, "HEADWATER_REDIS_CERTIFICATE_FILE"),
    ],
)
def test_a_wrong_or_expired_secret_is_told_with_the_setting_to_mend(
    stack: SecureStack, tmp_path: Path, given: dict[str, str], told: str
) -> None:
    files = wrong_files(stack, tmp_path)
    wrong = {name: files[how][name.split("_", 1)[1]] for name, how in given.items()}
    settings = stack.settings("apply", **wrong)
    with pytest.raises(HeadwaterError) as caught:
        ask(str(given), settings, stack.settings("reader", **wrong), stack.plan)
    assert told in str(caught.value)


def test_an_expired_certificate_of_redis_is_waited_out_and_nothing_is_lost(stack: SecureStack) -> None:
    authority = Authority(stack.root / "security")
    authority.renew(authority.identity("redis"), valid=dt.timedelta(minutes=-1))
    stack.kill("redis")
    wait_until(lambda: "certificate has expired" in stack.log(f"materialize.{VIEW}"), 30, "nobody says so")
    assert "renew the server's certificate" in stack.log(f"materialize.{VIEW}")
    Traffic(stack.settings("producer"), seed=6, customers=50, rate=1).send_history(EVENTS)
    authority.renew(authority.identity("redis"))
    stack.kill("redis")
    wait_until(lambda: answers(stack.settings("materialize")), 60, "Redis does not come back")
    assert verify(stack.settings(), stack.plan, timeout_seconds=150).right


def answers(settings: Settings) -> bool:
    try:
        with connect(settings) as redis:
            return bool(redis.ping())
    except RedisError:
        return False


def test_no_secret_is_seen_in_logs_metrics_plans_processes_state_or_flink(stack: SecureStack) -> None:
    identities = [each for each in (stack.root / "security").iterdir() if each.is_dir()]
    passwords = [(each / "password").read_text() for each in identities]
    keys = ["".join((each / "key.pem").read_text().splitlines()[1:-1])[:40] for each in identities]
    for where, text in everything_told(stack):
        assert not [each for each in (*passwords, *keys) if each in text], where


def test_what_holds_secrets_is_for_its_owner_alone(stack: SecureStack) -> None:
    holders = [*(stack.root / "security").rglob("*"), *holders_of_secrets(stack.root)]
    for file in holders:
        mode = file.stat().st_mode
        assert stat.S_ISDIR(mode) or not mode & 0o077, file
    assert not (stack.root / "security").stat().st_mode & 0o077


@pytest.mark.nightly
def test_passwords_that_are_rotated_hold_without_a_restart_and_nothing_is_lost(stack: SecureStack) -> None:
    """All of the view's processes and its job get new ones, and have to connect anew, since the servers die."""
    before = pids(stack)
    security, users = StackSecurity(stack.root / "security"), users_of([stack.plan])
    configuration = stack.root / "registry" / "logins.properties"
    text = configuration.read_text()
    for user in users:
        password = security.identity(user).password_file
        text = text.replace(password.read_text(), f"rotated-{user}")
        write_private(password, f"rotated-{user}".encode())
    write_private(configuration, text.encode())
    with connect(stack.settings()) as redis:
        let_in(security, AdminClient(client_properties(stack.settings())), redis, users)
    servers = ("registry", "broker", "redis")
    for server in servers:
        stack.kill(server)
    wait_until(lambda: ready(stack) and all(pids(stack)[each] != before[each] for each in servers), 240)
    Traffic(stack.settings("producer"), seed=7, customers=50, rate=1).send_history(EVENTS)
    assert verify(stack.settings(), stack.plan, timeout_seconds=150).right
    assert {name: pids(stack)[name] for name in before if VIEW in name} == {n: before[n] for n in before if VIEW in n}


def everything_told(stack: SecureStack) -> Iterator[tuple[str, str]]:
    """What the stack writes, answers or shows of itself, but the files that hold secrets."""
    secret = set(holders_of_secrets(stack.root))
    for file in stack.root.rglob("*"):
        if file.is_file() and file not in secret and not file.is_relative_to(stack.root / "security"):
            yield str(file), file.read_bytes().decode("latin-1")
    for process in psutil.process_iter(["cmdline"]):
        yield f"process {process.pid}", " ".join(process.info["cmdline"] or ())
    for view in stack.state.views:
        for url in view.metrics.values():
            yield url, httpx.get(url, timeout=10).text
    flink = stack.state.endpoints.flink_rest_url
    for job in httpx.get(f"{flink}/jobs/overview", timeout=10).json()["jobs"]:
        for part in ("", "/config", "/exceptions", "/plan", "/checkpoints"):
            yield f"{flink} job{part}", httpx.get(f"{flink}/jobs/{job['jid']}{part}", timeout=10).text
    for part in ("/config", "/jobmanager/config", "/jobmanager/environment"):
        yield f"{flink}{part}", httpx.get(f"{flink}{part}", timeout=10).text
    yield "status", stack.run("status", "--state", str(stack.root), "--json")


def holders_of_secrets(root: Path) -> list[Path]:
    """Files outside of `security` in which a server's own secrets must stand."""
    return [root / "broker" / "server.properties", root / "registry" / "logins.properties"]


def wrong_files(stack: SecureStack, directory: Path) -> dict[str, dict[str, Path]]:
    """Files of an authority that nobody trusts, and those of one that is trusted but out of date."""
    password = directory / "password"
    password.write_text("no such password")
    found = {}
    for how, authority, valid in (
        ("wrong", Authority(directory / "authority"), dt.timedelta(days=1)),
        ("expired", Authority(stack.root / "security"), dt.timedelta(minutes=-1)),
    ):
        identity = Identity("somebody", directory / how)
        authority.renew(identity, valid=valid)
        found[how] = {
            "password_file": password,
            "ca_file": authority.certificate,
            "certificate_file": identity.certificate,
            "key_file": identity.key,
        }
    return found


def ask(of: str, settings: Settings, reading: Settings, plan: Plan) -> None:
    """A question to the service whose settings are named."""
    if "kafka" in of:
        with World(settings) as world:
            world.cluster_id()
    elif "registry" in of:
        Registry(settings).subject(plan.log.subject)
    else:
        with OnlineReader(reading, VIEW) as reader:
            reader.get(customer_id="a")


def wanted(users: Mapping[str, tuple[Grants, ...]], component: Component) -> tuple[AclBinding, ...]:
    name = NAMES.format(component=component, view=VIEW)
    return kafka_acls.bindings(name, kafka_acls.kafka_grants(users[name]))


def ready(stack: SecureStack) -> bool:
    return all(each.state == "ready" for each in stack.state.processes)


def pids(stack: SecureStack) -> dict[str, int | None]:
    return {each.name: each.identity.pid if each.identity else None for each in stack.state.processes}
