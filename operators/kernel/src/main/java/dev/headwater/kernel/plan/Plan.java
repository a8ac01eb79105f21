package dev.headwater.kernel.plan;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;

/**
 * A compiled feature view: the only orders that the kernel takes. Immutable. It travels as the JSON text it was parsed
 * from. Units stand in the names; {@code Ms} are milliseconds, {@code Us} microseconds.
 */
public final class Plan implements Serializable {
    private static final long serialVersionUID = 1L;
    private static final int FORMAT = 1;
    private static final ObjectMapper JSON = new ObjectMapper();

    /** A field of the entity key, in key order. */
    public record EntityField(String name, ColumnType type) {}

    /** A topic of events. Paths are lists of field names from the root of the reader schema; one per plan column. */
    public record Source(
            String topic,
            String subject,
            String readerSchema,
            List<List<String>> key,
            List<String> eventTimePath,
            boolean eventTimeInMicros,
            List<List<String>> columns,
            long allowedSkewMs,
            long watermarkDelayMs,
            long idleTimeoutMs) {}

    /** A value of the event that some feature aggregates. */
    public record Column(String name, ColumnType type, boolean nullable) {}

    /** A sliding window: at clock c it holds event times from floor((c - length) / resolution) * resolution to c. */
    public record Window(String name, long lengthMs, long resolutionMs) {}

    /** One output. {@code column} is -1 for a count of events. {@code type} is the type of the output. */
    public record Feature(String name, String aggregate, int column, int window, ColumnType type) {}

    /** A topic and the subject of its values. */
    public record Output(String topic, String subject) {}

    private final String json;
    private final transient Body body;

    private record Body(
            String view,
            long generation,
            List<EntityField> entity,
            List<Source> sources,
            List<Column> columns,
            List<Window> windows,
            List<Feature> features,
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
        this.body = read(json);
    }

    /** Returns the plan that the JSON text describes. Throws {@link PlanException} if it is not a plan of format 1. */
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

    public List<Window> windows() {
        return body.windows;
    }

    public List<Feature> features() {
        return body.features;
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

    /** The greatest length plus resolution of any window: so far behind a clock can an event matter. */
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

    private static Body read(String json) {
        JsonNode root;
        try {
            root = JSON.readTree(json);
        } catch (JsonProcessingException e) {
            throw new PlanException("the plan is not JSON: " + e.getOriginalMessage(), e);
        }
        Node plan = new Node("plan", root);
        if (plan.integer("format") != FORMAT) {
            throw new PlanException("plan.format: this kernel reads format " + FORMAT);
        }
        List<Column> columns = new ArrayList<>();
        for (Node n : plan.list("columns")) {
            columns.add(new Column(n.text("name"), n.type("type"), n.bool("nullable")));
        }
        List<Window> windows = new ArrayList<>();
        for (Node n : plan.list("windows")) {
            windows.add(new Window(n.text("name"), n.seconds("length_ms"), n.seconds("resolution_ms")));
        }
        List<Feature> features = new ArrayList<>();
        for (Node n : plan.list("features")) {
            int column = n.isNull("column") ? -1 : n.index("column", columns.size());
            features.add(new Feature(
                    n.text("name"), n.text("aggregate"), column, n.index("window", windows.size()), n.type("type")));
        }
        Node log = plan.child("log");
        Body body = new Body(
                plan.text("view"),
                plan.integer("generation"),
                entity(plan),
                sources(plan, columns.size()),
                List.copyOf(columns),
                List.copyOf(windows),
                List.copyOf(features),
                plan.integer("emission_interval_ms"),
                plan.integer("heartbeat_interval_ms"),
                plan.integer("time_to_live_ms"),
                plan.integer("reach_ms"),
                output(log),
                Math.toIntExact(log.integer("partitions")),
                log.json("schema"),
                output(plan.child("dead_letters")),
                output(plan.child("late")));
        check(body);
        return body;
    }

    private static void check(Body body) {
        require(!body.windows.isEmpty(), "plan.windows: at least one window is needed");
        require(!body.sources.isEmpty(), "plan.sources: at least one source is needed");
        require(!body.entity.isEmpty(), "plan.entity: at least one field is needed");
        require(body.generation >= 0, "plan.generation: must not be negative");
        require(body.emissionIntervalMs >= 0, "plan.emission_interval_ms: must not be negative");
        require(body.heartbeatIntervalMs > 0, "plan.heartbeat_interval_ms: must be positive");
        require(body.logPartitions > 0, "plan.log.partitions: must be positive");
        long reachMs = 0;
        for (Window window : body.windows) {
            reachMs = Math.max(reachMs, window.lengthMs + window.resolutionMs);
        }
        require(body.reachMs == reachMs, "plan.reach_ms: the windows reach " + reachMs + " ms");
    }

    private static void require(boolean holds, String message) {
        if (!holds) {
            throw new PlanException(message);
        }
    }

    private static List<EntityField> entity(Node plan) {
        List<EntityField> fields = new ArrayList<>();
        for (Node n : plan.list("entity")) {
            fields.add(new EntityField(n.text("name"), n.type("type")));
        }
        return List.copyOf(fields);
    }

    private static List<Source> sources(Node plan, int columns) {
        List<Source> sources = new ArrayList<>();
        for (Node n : plan.list("sources")) {
            Node time = n.child("event_time");
            List<List<String>> paths = n.paths("columns");
            require(paths.size() == columns, n.where + ".columns: one path per column of the plan is needed");
            sources.add(new Source(
                    n.text("topic"),
                    n.text("subject"),
                    n.json("reader_schema"),
                    n.paths("key"),
                    time.strings("path"),
                    time.choice("unit", "ms", "us") == 1,
                    paths,
                    n.integer("allowed_skew_ms"),
                    n.integer("watermark_delay_ms"),
                    n.integer("idle_timeout_ms")));
        }
        return List.copyOf(sources);
    }

    private static Output output(Node node) {
        return new Output(node.text("topic"), node.text("subject"));
    }

    /** A JSON value that knows where it stands, so that a mistake can be named. */
    private record Node(String where, JsonNode value) {

        Node child(String name) {
            JsonNode child = value.get(name);
            require(child != null, where + "." + name + ": is missing");
            return new Node(where + "." + name, child);
        }

        boolean isNull(String name) {
            return child(name).value.isNull();
        }

        String text(String name) {
            return child(name).text();
        }

        boolean bool(String name) {
            Node node = child(name);
            require(node.value.isBoolean(), node.where + ": true or false is needed");
            return node.value.booleanValue();
        }

        long integer(String name) {
            Node node = child(name);
            require(node.value.isIntegralNumber() && node.value.canConvertToLong(), node.where + ": not a whole number");
            return node.value.longValue();
        }

        long seconds(String name) {
            long ms = integer(name);
            require(ms > 0 && ms % 1000 == 0, where + "." + name + ": a positive number of whole seconds is needed");
            return ms;
        }

        int index(String name, int size) {
            long index = integer(name);
            require(index >= 0 && index < size, where + "." + name + ": there is no number " + index);
            return (int) index;
        }

        int choice(String name, String first, String second) {
            String text = text(name);
            require(text.equals(first) || text.equals(second), where + "." + name + ": " + first + " or " + second);
            return text.equals(first) ? 0 : 1;
        }

        ColumnType type(String name) {
            return ColumnType.parse(text(name), where + "." + name);
        }

        /** The JSON text of a schema, which may itself stand there as an object or as text. */
        String json(String name) {
            JsonNode child = child(name).value;
            return child.isTextual() ? child.textValue() : child.toString();
        }

        List<Node> list(String name) {
            return child(name).items();
        }

        List<String> strings(String name) {
            return child(name).items().stream().map(Node::text).toList();
        }

        List<List<String>> paths(String name) {
            return list(name).stream().map(path -> path.items().stream().map(Node::text).toList()).toList();
        }

        private String text() {
            require(value.isTextual(), where + ": text is needed");
            return value.textValue();
        }

        private List<Node> items() {
            require(value.isArray(), where + ": a list is needed");
            List<Node> items = new ArrayList<>();
            for (int i = 0; i < value.size(); i++) {
                items.add(new Node(where + "[" + i + "]", value.get(i)));
            }
            return items;
        }
    }
}
