package dev.headwater.kernel.event;

import org.apache.flink.api.java.functions.KeySelector;

/** The entity of an event: what the stream between source and kernel is partitioned by. */
public final class EventKey implements KeySelector<Event, Key> {
    private static final long serialVersionUID = 1L;

    @Override
    public Key getKey(Event event) {
        return event.key;
    }
}
