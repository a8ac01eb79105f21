package dev.headwater.kernel.decode;

import dev.headwater.kernel.event.Reason;
import dev.headwater.kernel.plan.ColumnType;
import java.nio.ByteBuffer;
import java.util.Arrays;

/** Builds event ids from slots: bytes that are equal and ordered as the values are, see schemas/event_ids.py. Not thread-safe. */
final class EventIds {
    private static final int MAX_ID_BYTES = 4096;

    private final Binding[] parts;
    private final ColumnType[] types;
    private final ByteBuffer id = ByteBuffer.allocate(MAX_ID_BYTES + 2 * Long.BYTES);

    EventIds(Binding[] parts, ColumnType[] types) {
        this.parts = parts;
        this.types = types;
    }

    byte[] encode(Slots slots) throws RejectedException {
        id.clear();
        for (int i = 0; i < parts.length; i++) {
            int slot = parts[i].slot();
            if (!slots.present[slot] || (types[i].isBlob() && slots.length[slot] == 0)) {
                throw new RejectedException(
                        Reason.MISSING_EVENT_ID, parts[i].name() + (slots.present[slot] ? " is empty" : " is null"));
            }
            append(types[i], slot, i == parts.length - 1, slots);
        }
        return Arrays.copyOf(id.array(), id.position());
    }

    private void append(ColumnType type, int slot, boolean last, Slots slots) throws RejectedException {
        if (type == ColumnType.LONG) {
            id.putLong(slots.longs[slot] ^ Long.MIN_VALUE);
        } else if (type == ColumnType.BOOLEAN) {
            id.put((byte) slots.longs[slot]);
        } else {
            byte[] bytes = slots.blobs[slot];
            for (int i = slots.from[slot]; i < slots.from[slot] + slots.length[slot] && id.position() <= MAX_ID_BYTES; i++) {
                id.put(bytes[i]);
                if (!last && bytes[i] == 0) {
                    id.put((byte) 0xff);
                }
            }
            if (!last) {
                id.put((byte) 0).put((byte) 0);
            }
        }
        if (id.position() > MAX_ID_BYTES) {
            throw Cursor.malformed("an event id of more than " + MAX_ID_BYTES + " bytes");
        }
    }
}
