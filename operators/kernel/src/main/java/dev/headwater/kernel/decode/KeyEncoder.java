package dev.headwater.kernel.decode;

import dev.headwater.kernel.event.Key;
import dev.headwater.kernel.event.Reason;
import dev.headwater.kernel.plan.ColumnType;
import java.util.Arrays;

/** Builds canonical entity keys from slots, see schemas/keys.py. Not thread-safe. */
final class KeyEncoder {
    static final int MAX_KEY_BYTES = 4096;

    private final Binding[] parts;
    private final ColumnType[] types;
    private final byte[] buffer = new byte[MAX_KEY_BYTES + 10];
    private int used;

    KeyEncoder(Binding[] parts, ColumnType[] types) {
        this.parts = parts;
        this.types = types;
    }

    Key encode(Slots slots) throws RejectedException {
        used = 0;
        long needed = 0;
        for (int i = 0; i < parts.length; i++) {
            int slot = parts[i].slot();
            boolean blob = types[i].isBlob();
            if (!slots.present[slot] || (blob && slots.length[slot] == 0)) {
                throw new RejectedException(
                        Reason.MISSING_KEY, parts[i].name() + (slots.present[slot] ? " is empty" : " is null"));
            }
            needed += blob ? slots.length[slot] : 0;
        }
        for (int i = 0; i < parts.length && needed <= MAX_KEY_BYTES; i++) {
            append(types[i], parts[i].slot(), slots);
            needed = Math.max(needed, used);
        }
        if (needed > MAX_KEY_BYTES) {
            throw new RejectedException(Reason.KEY_TOO_LONG, "a key of more than " + MAX_KEY_BYTES + " bytes");
        }
        return new Key(Arrays.copyOf(buffer, used));
    }

    private void append(ColumnType type, int slot, Slots slots) {
        if (type == ColumnType.BOOLEAN) {
            buffer[Math.min(used++, MAX_KEY_BYTES)] = (byte) slots.longs[slot];
        } else if (type == ColumnType.LONG) {
            appendVarint(slots.longs[slot]);
        } else {
            int length = slots.length[slot];
            appendVarint(length);
            if (used + length <= MAX_KEY_BYTES) {
                System.arraycopy(slots.blobs[slot], slots.from[slot], buffer, used, length);
            }
            used += length;
        }
    }

    private void appendVarint(long value) {
        long rest = (value << 1) ^ (value >> 63);
        while ((rest & ~0x7fL) != 0) {
            buffer[Math.min(used++, MAX_KEY_BYTES)] = (byte) (rest & 0x7f | 0x80);
            rest >>>= 7;
        }
        buffer[Math.min(used++, MAX_KEY_BYTES)] = (byte) rest;
    }
}
