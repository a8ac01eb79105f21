package dev.headwater.kernel.decode;

import dev.headwater.kernel.event.Event;
import dev.headwater.kernel.event.Key;
import dev.headwater.kernel.event.Reason;
import dev.headwater.kernel.expression.Expression;
import dev.headwater.kernel.plan.ColumnType;
import dev.headwater.kernel.plan.Plan;
import java.util.Arrays;
import org.apache.avro.Schema;

/**
 * Turns Avro bodies of one source into events: knows which values are needed, and checks shape, Kafka timestamp, values,
 * and of each event conditions, event time, key, future, columns, event id and expectations in this order, as the plan's
 * meaning wants (operators/reference_events.py). Not thread-safe.
 */
final class EventExtractor {
    /** A row repeats a text once per feature, and must still be one Kafka record. */
    static final int MAX_BLOB_BYTES = 32 * 1024;

    /** The start of the year 9996: an event is earlier, so that it leaves any window before the end of time. */
    static final long END_OF_EVENTS_MS = 253_276_070_400_000L;

    private final Plan.Source source;
    private final Plan plan;
    private final Schema reader;
    private final Bindings bindings;
    private final RowExpressions expressions;
    private final KeyEncoder keys;
    private final EventIds ids;
    private final boolean exploding;
    private final int[] elementSlots;
    private final Slots slots;

    private long recordTimestampMs;

    /** What could be read of the last event; for the dead letter. */
    private Key key;
    private boolean eventTimeKnown;
    private long eventTimeUs;

    EventExtractor(Plan plan, int sourceIndex) {
        this.plan = plan;
        source = plan.sources().get(sourceIndex);
        reader = new Schema.Parser().parse(source.readerSchema());
        bindings = new Bindings(source, reader);
        expressions = bindings.expressions;
        keys = new KeyEncoder(bindings.key, plan.entity().stream().map(Plan.EntityField::type).toArray(ColumnType[]::new));
        ids = bindings.eventId.length == 0 ? null : new EventIds(bindings.eventId, bindings.eventIdTypes);
        exploding = !source.explode().isEmpty();
        elementSlots = bindings.elementSlots();
        slots = new Slots(bindings.slots());
    }

    /** The program that reads this writer's events; see {@link FieldProgram#compile}. */
    FieldProgram program(Schema writer) throws RejectedException {
        return FieldProgram.compile(writer, reader, bindings.targets);
    }

    /**
     * Reads one record, at whose body the cursor must stand, and returns of how many candidates for events it consists:
     * one, or as many as the exploded array has elements. Each is to be passed to {@link #extract}.
     */
    int read(FieldProgram program, Cursor in, long timestampMs) throws RejectedException {
        key = null;
        eventTimeKnown = false;
        recordTimestampMs = timestampMs;
        slots.clear();
        int start = in.position;
        try {
            program.run(in, slots);
        } catch (RejectedException e) {
            // That a record is not whole, or not of this time, is told before what is wrong with a value in it.
            in.restart(start);
            program.skip(in);
            checkRecord(in);
            throw e;
        }
        checkRecord(in);
        return exploding ? slots.elements.size() : 1;
    }

    /**
     * Fills key, time, columns, index and id of one event of the record that was read last; all the rest is the caller's.
     * Returns false if a condition keeps it out. Throws if its record must be rejected; {@link #keyRead},
     * {@link #eventTimeRead} then say what could be read.
     */
    boolean extract(int index, Cursor in, Event into) throws RejectedException {
        key = null;
        eventTimeKnown = false;
        if (exploding) {
            readElement(index, in);
        }
        try {
            return check(index, into);
        } catch (RejectedException e) {
            // What cannot be decoded is told before what is wrong with what was decoded, in whichever element it is.
            for (int later = index + 1; exploding && later < slots.elements.size(); later++) {
                readElement(later, in);
            }
            throw e;
        }
    }

    Expectations expectations() {
        return bindings.expectations;
    }

    /** Null if the key could not be read. */
    byte[] keyRead() {
        return key == null ? null : key.bytes();
    }

    /** Null if the event time could not be read. */
    Long eventTimeRead() {
        return eventTimeKnown ? eventTimeUs : null;
    }

    private void checkRecord(Cursor in) throws RejectedException {
        if (in.remaining() > 0) {
            throw new RejectedException(Reason.TRAILING_BYTES, in.remaining() + " bytes behind the event");
        }
        if (recordTimestampMs < 0 || recordTimestampMs >= END_OF_EVENTS_MS) {
            throw new RejectedException(
                    Reason.EVENT_TIME_OUT_OF_RANGE,
                    "the Kafka timestamp is " + recordTimestampMs + ", not within 1970 to 9995");
        }
    }

    private void readElement(int index, Cursor in) throws RejectedException {
        for (int slot : elementSlots) {
            slots.setNull(slot);
        }
        slots.elements.read(index, in, slots);
    }

    private boolean check(int index, Event into) throws RejectedException {
        if (expressions != null) {
            expressions.load(slots);
            for (Expression condition : bindings.where) {
                if (!expressions.holds(condition)) {
                    return false;
                }
            }
        }
        readEventTime();
        fill(bindings.key);
        key = keys.encode(slots);
        // Exact for microseconds too: an event half a millisecond too far ahead is too far ahead.
        if (eventTimeUs > (recordTimestampMs + source.allowedSkewMs()) * 1000) {
            throw new RejectedException(
                    Reason.FUTURE_EVENT, "event time is " + (eventTimeUs / 1000 - recordTimestampMs) + " ms after the Kafka timestamp");
        }
        into.key = key;
        into.eventTimeUs = eventTimeUs;
        into.index = index;
        fill(bindings.columns);
        for (int column = 0; column < bindings.columns.length; column++) {
            readColumn(column, into);
        }
        if (ids != null) {
            fill(bindings.eventId);
            into.id = ids.encode(slots);
        }
        bindings.expectations.check(recordTimestampMs * 1000 - eventTimeUs);
        return true;
    }

    private void fill(Binding[] values) throws RejectedException {
        for (Binding value : values) {
            if (value.expression() != null) {
                expressions.fill(value, slots);
            }
        }
    }

    private void readEventTime() throws RejectedException {
        int slot = bindings.eventTimeSlot;
        if (!slots.present[slot]) {
            throw new RejectedException(Reason.MISSING_EVENT_TIME, source.eventTimePath() + " is null");
        }
        long time = slots.longs[slot];
        long unitsPerMs = source.eventTimeInMicros() ? 1000 : 1;
        if (time < 0 || time >= END_OF_EVENTS_MS * unitsPerMs) {
            throw new RejectedException(
                    Reason.EVENT_TIME_OUT_OF_RANGE, source.eventTimePath() + " is " + time + ", not within 1970 to 9995");
        }
        eventTimeUs = time * (1000 / unitsPerMs);
        eventTimeKnown = true;
    }

    private void readColumn(int column, Event into) throws RejectedException {
        Binding value = bindings.columns[column];
        int slot = value.slot();
        if (!slots.present[slot]) {
            return;
        }
        Plan.Column declared = plan.columns().get(column);
        if (!declared.type().isBlob()) {
            long bits = slots.longs[slot];
            if (declared.type() == ColumnType.DOUBLE && !Double.isFinite(Double.longBitsToDouble(bits))) {
                throw new RejectedException(Reason.NOT_FINITE, value.name() + " is " + Double.longBitsToDouble(bits));
            }
            into.setNumber(column, bits);
            return;
        }
        int length = slots.length[slot];
        int from = slots.from[slot];
        if (declared.type() == ColumnType.VECTOR) {
            checkVector(declared, value, length / Double.BYTES);
        }
        if (length > MAX_BLOB_BYTES) {
            throw Cursor.malformed(
                    value.name() + " has " + length + " bytes, at most " + MAX_BLOB_BYTES + " are aggregated");
        }
        into.setBlob(column, Arrays.copyOfRange(slots.blobs[slot], from, from + length));
    }

    private void checkVector(Plan.Column declared, Binding value, int size) throws RejectedException {
        if (size != declared.dimensions()) {
            throw Cursor.malformed(value.name() + " has " + size + " numbers, " + declared.dimensions() + " are declared");
        }
        int slot = value.slot();
        if (!Vectors.isFinite(slots.blobs[slot], slots.from[slot], slots.length[slot])) {
            throw new RejectedException(Reason.NOT_FINITE, value.name() + " has a number that is not finite");
        }
    }
}
