package dev.headwater.kernel.plan;

import java.io.Serializable;
import java.util.List;

/**
 * A compiled feature view: the only orders that the kernel takes. Immutable. It travels as the JSON text it was parsed
 * from. Units stand in the names; {@code Ms} are milliseconds, {@code Us} microseconds.
 */
public final class Plan implements Serializable {
    private static final long serialVersionUID = 1L;

    /** A field of the entity key, in key order. */
    public record EntityField(String name, ColumnType type) {}

    /**
     * What should be true of every event that counts: a condition in CEL, or that Kafka's timestamp is no more than so
     * long after the event time.
     */
    public record Expectation(String name, Action action, String cel, long freshWithinMs) {
        public boolean isCondition() {
            return !cel.isEmpty();
        }

        /** Whether only events that meet it count. */
        public boolean isRequired() {
            return action != Action.COUNT;
        }

        public boolean stops() {
            return action == Action.STOP;
        }
    }

    /** What becomes of an event that does not meet an expectation. */
    public enum Action {
        COUNT,
        DEAD_LETTER,
        STOP
    }

    /** Where a value comes from: a path, or an expression in CEL over the source's variables, or nowhere. */
    public record Input(List<String> path, String cel) {
        public static final Input NONE = new Input(List.of(), "");

        public boolean isPath() {
            return !path.isEmpty();
        }

        public boolean isExpression() {
            return !cel.isEmpty();
        }
    }

    /** A field that expressions may read by its dotted name. {@code timestamp} is null unless it is one. */
    public record Variable(String name, List<String> path, ColumnType type, boolean nullable, TimeUnit timestamp) {}

    /**
     * A topic of events. Paths are lists of field names from the root of the reader schema. {@code explode} is the array
     * whose elements are the events, empty if records are; {@code where} must all be true; there is one input per entity
     * field in {@code key} and one per plan column in {@code columns}; {@code eventId} tells copies; {@code expectations}
     * are checked last.
     */
    public record Source(
            String topic,
            String subject,
            String readerSchema,
            List<String> explode,
            List<Variable> variables,
            List<String> where,
            List<Input> key,
            List<String> eventTimePath,
            boolean eventTimeInMicros,
            List<Input> eventId,
            List<Input> columns,
            List<Expectation> expectations,
            long allowedSkewMs,
            long watermarkDelayMs,
            long idleTimeoutMs) {}

    /** A value of the event that some feature aggregates. {@code dimensions} are a vector's, else 0. */
    public record Column(String name, ColumnType type, boolean nullable, int dimensions) {}

    /** A time zone: {@code offsets[i]} seconds are added to UTC from {@code seconds[i]} on; the first also before it. */
    public record Zone(String name, long[] seconds, int[] offsets) {}

    /**
     * One output over one window, or of two other features ({@code inputs}, else empty), then without a window (-1).
     * {@code column} is -1 for an aggregate of the events themselves. Only events in which the boolean column
     * {@code filter} is true count; -1: all. {@code type} is the type of the output.
     */
    public record Feature(
            String name,
            String aggregate,
            int column,
            int window,
            ValueType type,
            int filter,
            List<Integer> inputs,
            int weight,
            int limit,
            boolean sample,
            double fraction,
            long halfLifeMs,
            int weightScale,
            int precision) {

        /** What is equal for features that differ only in their names and windows. */
        public Feature ofAnyWindow() {
            return new Feature(
                    "", aggregate, column, -1, type, filter, inputs, weight, limit, sample, fraction, halfLifeMs,
                    weightScale, precision);
        }
    }

    /** A topic and the subject of its values. */
    public record Output(String topic, String subject) {}

    private final String json;
    private final transient Body body;

    record Body(
            String view,
            long generation,
            List<EntityField> entity,
            List<Source> sources,
            List<Column> columns,
            List<Zone> zones,
            List<Window> windows,
            List<Feature> features,
            long deduplicationMs,
            long emissionIntervalMs,
            long heartbeatIntervalMs,
            long timeToLiveMs,
            long reachMs,
            Output log,
            int logPartitions,
            String logSchema,
            Output deadLetters,
            Output late) {}

    private Plan(String json) {
        this.json = json;
        this.body = PlanReader.read(json);
    }

    /** Returns the plan that the JSON text describes. Throws {@link PlanException} if it is not a plan of format 2. */
    public static Plan parse(String json) {
        return new Plan(json);
    }

    /** The text this plan was parsed from, unchanged. */
    public String json() {
        return json;
    }

    public String view() {
        return body.view;
    }

    public long generation() {
        return body.generation;
    }

    public List<EntityField> entity() {
        return body.entity;
    }

    /** At least one, sorted by topic; a source's position here is its index in every event. */
    public List<Source> sources() {
        return body.sources;
    }

    public List<Column> columns() {
        return body.columns;
    }

    public List<Zone> zones() {
        return body.zones;
    }

    public List<Window> windows() {
        return body.windows;
    }

    public List<Feature> features() {
        return body.features;
    }

    /** For how long behind a key's clock copies of an event are recognised; 0: events have no ids. */
    public long deduplicationMs() {
        return body.deduplicationMs;
    }

    /** 0 means a row at each change. */
    public long emissionIntervalMs() {
        return body.emissionIntervalMs;
    }

    public long heartbeatIntervalMs() {
        return body.heartbeatIntervalMs;
    }

    public long timeToLiveMs() {
        return body.timeToLiveMs;
    }

    /** So far behind a clock can an event matter, or {@link Window#UNLIMITED}. */
    public long reachMs() {
        return body.reachMs;
    }

    public Output log() {
        return body.log;
    }

    public int logPartitions() {
        return body.logPartitions;
    }

    /** Avro schema of the feature log's values, as JSON text. */
    public String logSchema() {
        return body.logSchema;
    }

    public Output deadLetters() {
        return body.deadLetters;
    }

    public Output late() {
        return body.late;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Plan plan && plan.json.equals(json);
    }

    @Override
    public int hashCode() {
        return json.hashCode();
    }

    @Override
    public String toString() {
        return "Plan(" + view() + " generation " + generation() + ")";
    }

    private Object readResolve() {
        return new Plan(json);
    }
}
