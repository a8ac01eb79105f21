package dev.headwater.kernel.event;

import java.util.Arrays;
import java.util.HexFormat;
import org.apache.flink.api.common.typeinfo.TypeInformation;

/**
 * A canonical entity key: the Avro binary encoding of the entity fields in order. Immutable: state keeps references to
 * it, so neither the key nor its bytes may be reused or changed. Its hash is Kafka's, the same in every JVM.
 */
public final class Key implements Comparable<Key> {
    public static final TypeInformation<Key> TYPE = new ValueTypeInfo<>(Key.class, true, KeySerializer.INSTANCE);

    private final byte[] bytes;
    private final int hash;

    public Key(byte[] bytes) {
        this.bytes = bytes;
        this.hash = Murmur2.hash(bytes);
    }

    /** The canonical bytes; not to be changed. */
    public byte[] bytes() {
        return bytes;
    }

    /** The partition of a log of so many partitions, as Kafka's Java client would choose it. */
    public int partition(int partitions) {
        return (hash & 0x7fffffff) % partitions;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Key key && key.hash == hash && Arrays.equals(key.bytes, bytes);
    }

    @Override
    public int hashCode() {
        return hash;
    }

    @Override
    public int compareTo(Key other) {
        return Arrays.compareUnsigned(bytes, other.bytes);
    }

    @Override
    public String toString() {
        return HexFormat.of().formatHex(bytes);
    }
}
