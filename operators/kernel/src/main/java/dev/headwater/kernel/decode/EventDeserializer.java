package dev.headwater.kernel.decode;

import dev.headwater.kernel.event.DeadLetter;
import dev.headwater.kernel.event.Decoded;
import dev.headwater.kernel.event.Event;
import dev.headwater.kernel.event.Reason;
import dev.headwater.kernel.plan.Plan;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.flink.api.common.serialization.DeserializationSchema;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.kafka.shaded.org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.flink.metrics.Counter;
import org.apache.flink.metrics.Gauge;
import org.apache.flink.metrics.MetricGroup;
import org.apache.flink.util.Collector;

/**
 * Kafka records in the Confluent wire format (0, schema id, Avro body) to events of one source of the plan. Whatever
 * stands in a record, at least one {@link Decoded} comes out of it: an event, or several if an array is exploded; or a
 * dead letter with the first reason for which it cannot be one, or one of its elements cannot; or nothing but that it was
 * read, if conditions keep all of it out. Waits, as long as it takes, for the schema registry. Fails, each time that it
 * is started again, at a record that does not meet an expectation whose action is to stop.
 */
public final class EventDeserializer implements KafkaRecordDeserializationSchema<Decoded> {
    private static final long serialVersionUID = 1L;
    private static final int FRAME_BYTES = 5;
    /** After a record with more events than these, their memory is given back. */
    private static final int EVENTS_KEPT = 1024;

    private static final Duration REGISTRY_TIMEOUT = Duration.ofSeconds(5);

    private final Plan plan;
    private final int sourceIndex;
    private final String deployment;

    private transient SchemaRegistry registry;
    private transient EventExtractor extractor;
    private transient Letters letters;
    private transient Map<Integer, Program> programs;
    private transient Cursor cursor;
    private transient Decoded decoded;
    /** Those that the last record gave, reused; and how many it gave. */
    private transient List<Event> events;
    private transient int eventCount;
    private transient Counter filtered;

    /** What to do with one schema id: read it, or reject it. */
    private record Program(FieldProgram fields, RejectedException incompatible) {}

    /** @param deployment JSON text, see {@link Deployment} */
    public EventDeserializer(String plan, int sourceIndex, String deployment) {
        this.plan = Plan.parse(plan);
        this.sourceIndex = sourceIndex;
        this.deployment = deployment;
        Deployment.parse(deployment);
    }

    @Override
    public void open(DeserializationSchema.InitializationContext context) {
        Deployment world = Deployment.parse(deployment);
        RegistryClient client = new RegistryClient(world.registry(), REGISTRY_TIMEOUT);
        MetricGroup group = context.getMetricGroup().addGroup("headwater").addGroup("view", plan.view());
        open(new SchemaRegistry(client, world.unknownSchemaWaitMs()), group.counter("filtered_events"));
        extractor.expectations().register(group);
        SchemaRegistry watched = registry;
        group.gauge("registry_unavailable", (Gauge<Integer>) () -> watched.unavailable() ? 1 : 0);
        group.gauge("registry_failures", (Gauge<Long>) watched::failures);
    }

    /** {@code filteredEvents} counts those that conditions keep out. */
    void open(SchemaRegistry schemas, Counter filteredEvents) {
        registry = schemas;
        filtered = filteredEvents;
        extractor = new EventExtractor(plan, sourceIndex);
        letters = new Letters(Deployment.parse(deployment).letterCapBytes());
        programs = new HashMap<>();
        cursor = new Cursor();
        decoded = new Decoded();
        events = new ArrayList<>();
    }

    @Override
    public void deserialize(ConsumerRecord<byte[], byte[]> record, Collector<Decoded> out) throws IOException {
        try {
            DeadLetter letter = decode(record);
            if (letter != null) {
                out.collect(decoded.setRejected(letter));
            } else if (eventCount == 0) {
                out.collect(decoded.setEmpty(record.partition(), record.timestamp()));
            }
            for (int i = 0; letter == null && i < eventCount; i++) {
                out.collect(decoded.setEvent(events.get(i)));
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("cancelled while waiting for the schema registry");
        }
        if (events.size() > EVENTS_KEPT) {
            events = new ArrayList<>();
        }
    }

    @Override
    public TypeInformation<Decoded> getProducedType() {
        return Decoded.TYPE;
    }

    /** For tests. */
    Expectations expectations() {
        return extractor.expectations();
    }

    /** Reads the events of a record into {@link #events}; all of them or, where a letter is returned, none. */
    private DeadLetter decode(ConsumerRecord<byte[], byte[]> record) throws InterruptedException, ExpectationException {
        Integer schemaId = null;
        try {
            byte[] value = record.value();
            schemaId = readFrame(value);
            FieldProgram program = program(schemaId, record.timestamp());
            cursor.reset(value, FRAME_BYTES, value.length);
            int candidates = extractor.read(program, cursor, record.timestamp());
            eventCount = 0;
            for (int index = 0; index < candidates; index++) {
                Event event = event(eventCount);
                if (extractor.extract(index, cursor, event)) {
                    event.ingestedAtMs = record.timestamp();
                    event.source = sourceIndex;
                    event.partition = record.partition();
                    event.offset = record.offset();
                    eventCount++;
                }
            }
            filtered.inc(candidates - eventCount);
            return null;
        } catch (RejectedException e) {
            if (e.stops()) {
                throw stopped(record, e);
            }
            boolean bodySeen = schemaId != null && e.reason().compareTo(Reason.TRAILING_BYTES) > 0;
            byte[] entityKey = bodySeen ? extractor.keyRead() : null;
            return letters.of(record, schemaId, e, entityKey, bodySeen ? extractor.eventTimeRead() : null);
        }
    }

    private Event event(int number) {
        if (number == events.size()) {
            events.add(new Event(plan.columns().size()));
        }
        Event event = events.get(number);
        event.clear();
        return event;
    }

    private static int readFrame(byte[] value) throws RejectedException {
        if (value == null) {
            throw new RejectedException(Reason.NULL_VALUE, "the record has no value");
        }
        if (value.length == 0 || value[0] != 0) {
            String found = value.length == 0 ? "the value is empty" : "the first byte is " + (value[0] & 0xff) + ", not 0";
            throw new RejectedException(Reason.BAD_MAGIC, found);
        }
        if (value.length < FRAME_BYTES) {
            throw new RejectedException(Reason.TRUNCATED, "a value of " + value.length + " bytes holds no schema id");
        }
        return (value[1] & 0xff) << 24 | (value[2] & 0xff) << 16 | (value[3] & 0xff) << 8 | value[4] & 0xff;
    }

    private FieldProgram program(int schemaId, long recordTimestampMs) throws RejectedException, InterruptedException {
        Program program = programs.get(schemaId);
        if (program == null) {
            program = compile(schemaId, recordTimestampMs);
            programs.put(schemaId, program);
        }
        if (program.incompatible != null) {
            throw program.incompatible;
        }
        return program.fields;
    }

    private Program compile(int schemaId, long recordTimestampMs) throws RejectedException, InterruptedException {
        var schema = registry.schema(schemaId, recordTimestampMs);
        try {
            return new Program(extractor.program(schema), null);
        } catch (RejectedException e) {
            return new Program(null, e);
        }
    }

    private ExpectationException stopped(ConsumerRecord<byte[], byte[]> record, RejectedException cause) {
        String position = record.topic() + "-" + record.partition() + "@" + record.offset();
        return new ExpectationException("the view " + plan.view() + " stops at " + position + ": " + cause.getMessage()
                + ". It goes on from there once the expectation's action is count or dead_letter, its condition is mended,"
                + " or the record is deleted from the topic (see 'Expectations' in schemas/declaring.md)");
    }
}
