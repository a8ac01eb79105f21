"""A producer that begins a transaction in a topic, says so, and waits to be killed: `BROKERS TOPIC PARTITIONS`."""

from __future__ import annotations

import signal
import sys

from confluent_kafka import Producer

TIMEOUT_MS = 20_000
"""After which the broker aborts it."""

OPENED = b"opened"


def main() -> None:
    """Writes a record that is neither row nor heartbeat to each partition."""
    brokers, topic, partitions = sys.argv[1:]
    producer = Producer(
        {
            "bootstrap.servers": brokers,
            "transactional.id": "headwater-chaos-open-transaction",
            "transaction.timeout.ms": TIMEOUT_MS,
        }
    )
    producer.init_transactions()
    producer.begin_transaction()
    for partition in range(int(partitions)):
        producer.produce(topic, b"", b"", partition=partition)
    producer.flush()
    print(OPENED.decode(), flush=True)
    signal.pause()


if __name__ == "__main__":
    main()
