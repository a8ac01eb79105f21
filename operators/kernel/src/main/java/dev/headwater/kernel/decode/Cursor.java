package dev.headwater.kernel.decode;

import dev.headwater.kernel.event.Reason;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;

/**
 * A position in Avro binary data that trusts no length: nothing is allocated, no count is looped over and no byte is
 * read that the data does not hold. What ends too early is {@link Reason#TRUNCATED}, what cannot be Avro is
 * {@link Reason#MALFORMED}. One per thread, reused.
 */
final class Cursor {
    private static final int MAX_DEPTH = 200;

    byte[] bytes;
    int position;
    private int end;
    private long itemsLeft;
    private int depth;
    private boolean itemByItem;

    /** Starts over on {@code bytes[from, to)}. */
    void reset(byte[] data, int from, int to) {
        bytes = data;
        position = from;
        end = to;
        itemsLeft = to - from;
        depth = 0;
        itemByItem = false;
    }

    /** Goes back to where something starts that was passed over before, and so is known to be no bomb. */
    void seek(int start) {
        position = start;
        itemsLeft = end - start;
        depth = 0;
    }

    /** Starts over, at the start, and from now on jumps over nothing: all that is there is passed item by item. */
    void restart(int start) {
        seek(start);
        itemByItem = true;
    }

    int remaining() {
        return end - position;
    }

    byte readByte() throws RejectedException {
        if (position >= end) {
            throw truncated(1);
        }
        return bytes[position++];
    }

    long readLong() throws RejectedException {
        long value = 0;
        for (int shift = 0; shift < 64; shift += 7) {
            byte next = readByte();
            value |= (long) (next & 0x7f) << shift;
            if (next >= 0) {
                return (value >>> 1) ^ -(value & 1);
            }
        }
        throw malformed("a varint of more than 10 bytes");
    }

    int readInt() throws RejectedException {
        long value = readLong();
        if ((int) value != value) {
            throw malformed("an int of " + value);
        }
        return (int) value;
    }

    /** A union branch or an enum symbol. */
    int readIndex(int size) throws RejectedException {
        long index = readLong();
        if (index < 0 || index >= size) {
            throw malformed("branch or symbol " + index + " of " + size);
        }
        return (int) index;
    }

    float readFloat() throws RejectedException {
        return Float.intBitsToFloat((int) littleEndian(4));
    }

    double readDouble() throws RejectedException {
        return Double.longBitsToDouble(littleEndian(8));
    }

    /** The length of a string or bytes value, all of which is there. */
    int readLength() throws RejectedException {
        long length = readLong();
        if (length < 0) {
            throw malformed("a length of " + length);
        }
        if (length > remaining()) {
            throw truncated(length);
        }
        return (int) length;
    }

    void skip(long count) throws RejectedException {
        if (count > remaining()) {
            throw truncated(count);
        }
        position += (int) count;
    }

    /**
     * The items of the next block of an array or map that must be read one by one; 0 at the end. Blocks that say their
     * size in bytes are jumped over if that is allowed. A value has no more items than bytes, so that a forged count cannot hold the
     * stream up.
     */
    long skipBlocks() throws RejectedException {
        while (!itemByItem) {
            long items = readLong();
            if (items >= 0) {
                if (items > itemsLeft) {
                    throw malformed("a block of " + items + " items, more than the event has bytes");
                }
                itemsLeft -= items;
                return items;
            }
            skip(readLength());
        }
        return nextBlock();
    }

    /** The items of the next block of an array, all of which must be read one by one; 0 at the end. */
    long nextBlock() throws RejectedException {
        long items = readLong();
        if (items < 0) {
            readLong();
            items = -items;
        }
        if (items < 0 || items > itemsLeft) {
            throw malformed("a block of " + items + " items, more than the event has bytes");
        }
        itemsLeft -= items;
        return items;
    }

    void enter() throws RejectedException {
        if (++depth > MAX_DEPTH) {
            throw malformed("records nested more than " + MAX_DEPTH + " deep");
        }
    }

    void leave() {
        depth--;
    }

    /** Checks that these bytes, already passed, are UTF-8. */
    void requireUtf8(int from, int length) throws RejectedException {
        for (int i = from; i < from + length; i++) {
            if (bytes[i] < 0) {
                try {
                    StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes, from, length));
                } catch (CharacterCodingException e) {
                    throw malformed("a string that is not UTF-8");
                }
                return;
            }
        }
    }

    static RejectedException malformed(String what) {
        return new RejectedException(Reason.MALFORMED, what);
    }

    private long littleEndian(int size) throws RejectedException {
        if (size > remaining()) {
            throw truncated(size);
        }
        long bits = 0;
        for (int i = 0; i < size; i++) {
            bits |= (bytes[position + i] & 0xffL) << (8 * i);
        }
        position += size;
        return bits;
    }

    private RejectedException truncated(long needed) {
        return new RejectedException(
                Reason.TRUNCATED, needed + " more bytes were expected at byte " + position + ", " + remaining() + " are left");
    }
}
