package dev.headwater.kernel.window;

import dev.headwater.kernel.accumulator.TileObjects;
import dev.headwater.kernel.aggregate.CellLayout;
import dev.headwater.kernel.plan.Plan;
import java.io.IOException;
import java.util.Arrays;
import org.apache.flink.api.common.typeutils.TypeSerializer;
import org.apache.flink.api.common.typeutils.TypeSerializerSnapshot;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;

/**
 * The form of a key's state in checkpoints and in RocksDB. Each state starts with its format's version, so that a later
 * kernel can read what this one wrote; the layout of its tiles is checked once, by {@link KeyStateSerializerSnapshot}.
 *
 * <p>A state that a savepoint of another layout gave stays as it is until it is asked for, by {@link #adopt}, copied or
 * written: Flink's heap backend reads savepoints with the serializer that wrote them.
 */
public final class KeyStateSerializer extends TypeSerializer<KeyState> {
    static final int VERSION = 2;
    /** Knew no objects but bytes, and wrote them without a tag. */
    private static final int BYTES_ONLY = 1;

    private static final long serialVersionUID = 1L;

    private final StateLayout layout;
    private final int stride;
    private final int objectStride;

    /** A serializer for the states of one view. */
    public KeyStateSerializer(Plan plan, ViewWindows windows, CellLayout cells) {
        this(StateLayout.of(plan, windows, cells));
    }

    KeyStateSerializer(StateLayout layout) {
        this.layout = layout;
        this.stride = layout.stride();
        this.objectStride = layout.objectStride();
    }

    StateLayout layout() {
        return layout;
    }

    /** The state in this view's layout: itself, or a copy if it came from a savepoint of another one. Null stays null. */
    public KeyState adopt(KeyState state) {
        return state == null || isOwn(state) ? state : copy(state);
    }

    private boolean isOwn(KeyState state) {
        if (state.layout != null && state.layout != layout && layout.isAs(state.layout)) {
            // So that this is found out once.
            state.layout = layout;
        }
        return state.layout == null || state.layout == layout;
    }

    @Override
    public void serialize(KeyState any, DataOutputView target) throws IOException {
        KeyState state = adopt(any);
        target.writeByte(VERSION);
        target.writeLong(state.clockUs);
        target.writeLong(state.n);
        target.writeLong(state.rowClockUs());
        target.writeLong(state.rowN());
        target.writeLong(state.greatestEventUs);
        target.writeLong(state.greatestIngestedMs);
        target.writeLong(state.quietUntilMs);
        target.writeLong(state.timerMs);
        target.writeBoolean(state.eventSinceRow);
        target.writeInt(state.end - state.first);
        for (int slot = state.first * stride; slot < state.end * stride; slot++) {
            target.writeLong(state.slots[slot]);
        }
        for (int object = state.first * objectStride; object < state.end * objectStride; object++) {
            TileObjects.write(state.objects[object], target);
        }
    }

    @Override
    public KeyState deserialize(DataInputView source) throws IOException {
        int version = source.readByte();
        if (version < BYTES_ONLY || version > VERSION) {
            throw new IOException("key state of version " + version + "; this kernel reads versions up to " + VERSION);
        }
        long clockUs = source.readLong();
        long n = source.readLong();
        long rowClockUs = source.readLong();
        long rowN = source.readLong();
        long greatestEventUs = source.readLong();
        long greatestIngestedMs = source.readLong();
        long quietUntilMs = source.readLong();
        long timerMs = source.readLong();
        boolean eventSinceRow = source.readBoolean();
        int count = source.readInt();
        long[] slots = new long[count * stride];
        for (int slot = 0; slot < slots.length; slot++) {
            slots[slot] = source.readLong();
        }
        Object[] objects = objectStride == 0 ? null : new Object[count * objectStride];
        for (int object = 0; object < count * objectStride; object++) {
            objects[object] = version == BYTES_ONLY ? readBytesOrNull(source) : TileObjects.read(source);
        }
        KeyState state = new KeyState(slots, objects, count, rowClockUs, rowN);
        state.layout = layout;
        state.clockUs = clockUs;
        state.n = n;
        state.greatestEventUs = greatestEventUs;
        state.greatestIngestedMs = greatestIngestedMs;
        state.quietUntilMs = quietUntilMs;
        state.timerMs = timerMs;
        state.eventSinceRow = eventSinceRow;
        return state;
    }

    @Override
    public KeyState copy(KeyState from) {
        long[] slots = isOwn(from)
                ? Arrays.copyOfRange(from.slots, from.first * stride, from.end * stride)
                : layout.moveSlots(from.slots, from.layout, from.first, from.end);
        KeyState copy = new KeyState(slots, copyObjects(from), from.end - from.first, from.rowClockUs(), from.rowN());
        copy.layout = layout;
        copy.clockUs = from.clockUs;
        copy.n = from.n;
        copy.greatestEventUs = from.greatestEventUs;
        copy.greatestIngestedMs = from.greatestIngestedMs;
        copy.quietUntilMs = from.quietUntilMs;
        copy.timerMs = from.timerMs;
        copy.eventSinceRow = from.eventSinceRow;
        return copy;
    }

    private Object[] copyObjects(KeyState from) {
        if (objectStride == 0) {
            return null;
        }
        Object[] objects = isOwn(from)
                ? Arrays.copyOfRange(from.objects, from.first * objectStride, from.end * objectStride)
                : layout.moveObjects(from.objects, from.layout, from.first, from.end);
        for (int object = 0; object < objects.length; object++) {
            objects[object] = TileObjects.copy(objects[object]);
        }
        return objects;
    }

    private static byte[] readBytesOrNull(DataInputView source) throws IOException {
        int length = source.readInt();
        if (length < 0) {
            return null;
        }
        byte[] bytes = new byte[length];
        source.readFully(bytes);
        return bytes;
    }

    @Override
    public boolean isImmutableType() {
        return false;
    }

    @Override
    public TypeSerializer<KeyState> duplicate() {
        return this;
    }

    @Override
    public KeyState createInstance() {
        return new KeyState(0, stride, objectStride);
    }

    @Override
    public KeyState copy(KeyState from, KeyState reuse) {
        return copy(from);
    }

    @Override
    public int getLength() {
        return -1;
    }

    @Override
    public KeyState deserialize(KeyState reuse, DataInputView source) throws IOException {
        return deserialize(source);
    }

    @Override
    public void copy(DataInputView source, DataOutputView target) throws IOException {
        serialize(deserialize(source), target);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof KeyStateSerializer serializer && serializer.layout.equals(layout);
    }

    @Override
    public int hashCode() {
        return layout.hashCode();
    }

    /** Flink puts this into the message by which it refuses a savepoint of another layout. */
    @Override
    public String toString() {
        return "KeyStateSerializer(" + layout.words() + "; " + layout.meaning() + "; " + layout.columns() + ")";
    }

    @Override
    public TypeSerializerSnapshot<KeyState> snapshotConfiguration() {
        return new KeyStateSerializerSnapshot(this);
    }
}
