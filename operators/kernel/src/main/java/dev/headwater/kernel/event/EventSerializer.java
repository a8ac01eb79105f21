package dev.headwater.kernel.event;

import java.io.IOException;
import org.apache.flink.api.common.typeutils.SimpleTypeSerializerSnapshot;
import org.apache.flink.api.common.typeutils.TypeSerializerSnapshot;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;

/**
 * The form of an event between source and kernel. The first byte is the format's version and kind, since an unaligned
 * checkpoint may keep events in flight; those of version 1 had neither an index nor an id.
 */
public final class EventSerializer extends ValueSerializer<Event> {
    public static final EventSerializer INSTANCE = new EventSerializer();
    private static final long serialVersionUID = 1L;
    private static final byte EVENT_V1 = 1;
    private static final byte HEARTBEAT_V1 = 2;
    private static final byte EVENT_V2 = 3;
    private static final byte EVENT_WITH_ID_V2 = 4;
    private static final byte NULL = 0;
    private static final byte NUMBER = 1;
    private static final byte BLOB = 2;

    @Override
    public Event createInstance() {
        return new Event(0);
    }

    @Override
    public Event copy(Event from) {
        return from.copy();
    }

    @Override
    public void serialize(Event event, DataOutputView target) throws IOException {
        byte eventKind = event.id == null ? EVENT_V2 : EVENT_WITH_ID_V2;
        target.writeByte(event.heartbeat ? HEARTBEAT_V1 : eventKind);
        writeBytes(event.key.bytes(), target);
        writeLength(event.source, target);
        if (event.heartbeat) {
            target.writeInt(event.sourceSubtask);
            target.writeInt(event.sourceParallelism);
            target.writeLong(event.asOfMs);
            return;
        }
        target.writeLong(event.eventTimeUs);
        target.writeLong(event.ingestedAtMs);
        writeLength(event.partition, target);
        target.writeLong(event.offset);
        writeLength(event.index, target);
        if (event.id != null) {
            writeBytes(event.id, target);
        }
        int columns = event.columns();
        writeLength(columns, target);
        for (int column = 0; column < columns; column++) {
            if (event.isNull(column)) {
                target.writeByte(NULL);
            } else if (event.isBlob(column)) {
                target.writeByte(BLOB);
                writeBytes(event.blob(column), target);
            } else {
                target.writeByte(NUMBER);
                target.writeLong(event.number(column));
            }
        }
    }

    @Override
    public Event deserialize(DataInputView source) throws IOException {
        byte kind = source.readByte();
        if (kind < EVENT_V1 || kind > EVENT_WITH_ID_V2) {
            throw new IOException("an event of unknown format " + kind);
        }
        Key key = new Key(readBytes(source));
        int index = readLength(source);
        if (kind == HEARTBEAT_V1) {
            return Event.heartbeat(key, index, source.readInt(), source.readInt(), source.readLong());
        }
        long eventTimeUs = source.readLong();
        long ingestedAtMs = source.readLong();
        int partition = readLength(source);
        long offset = source.readLong();
        int indexInRecord = kind == EVENT_V1 ? 0 : readLength(source);
        byte[] id = kind == EVENT_WITH_ID_V2 ? readBytes(source) : null;
        int columns = readLength(source);
        Event event = new Event(columns);
        event.key = key;
        event.source = index;
        event.eventTimeUs = eventTimeUs;
        event.ingestedAtMs = ingestedAtMs;
        event.partition = partition;
        event.offset = offset;
        event.index = indexInRecord;
        event.id = id;
        for (int column = 0; column < columns; column++) {
            byte form = source.readByte();
            if (form == NUMBER) {
                event.setNumber(column, source.readLong());
            } else if (form == BLOB) {
                event.setBlob(column, readBytes(source));
            } else if (form != NULL) {
                throw new IOException("a value of unknown form " + form);
            }
        }
        return event;
    }

    @Override
    public TypeSerializerSnapshot<Event> snapshotConfiguration() {
        return new Snapshot();
    }

    /** Names the format. */
    public static final class Snapshot extends SimpleTypeSerializerSnapshot<Event> {
        public Snapshot() {
            super(() -> INSTANCE);
        }
    }
}
