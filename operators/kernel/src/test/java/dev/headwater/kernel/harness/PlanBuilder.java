package dev.headwater.kernel.harness;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.headwater.kernel.plan.Plan;
import dev.headwater.kernel.plan.Window;
import java.time.Duration;

/** Writes plans for tests, as the compiler of declarations does. The entity is one string, {@code user}. */
public final class PlanBuilder {
    private final ObjectNode plan = new ObjectMapper().createObjectNode();
    private final ArrayNode columns = plan.putArray("columns");
    private final ArrayNode windows = plan.putArray("windows");
    private final ArrayNode features = plan.putArray("features");
    private long reachMs;

    public PlanBuilder() {
        plan.put("format", 2).put("view", "test_view").put("generation", 1);
        plan.put("owner", "tests").put("description", "A view for tests.");
        plan.put("emission_interval_ms", 200).put("heartbeat_interval_ms", 1000);
        plan.put("time_to_live_ms", 86_400_000).put("freshness_objective_ms", 1000);
        plan.putArray("entity").addObject().put("name", "user").put("type", "string");
    }

    public PlanBuilder generation(long generation) {
        plan.put("generation", generation);
        return this;
    }

    public PlanBuilder emissionIntervalMs(long ms) {
        plan.put("emission_interval_ms", ms);
        return this;
    }

    /** Events have ids, and copies are recognised for so long. */
    public PlanBuilder deduplication(Duration horizon) {
        plan.putObject("deduplication").put("horizon_ms", horizon.toMillis());
        return this;
    }

    public PlanBuilder column(String name, String type, boolean nullable) {
        columns.addObject().put("name", name).put("type", type).put("nullable", nullable);
        return this;
    }

    public PlanBuilder window(String name, Duration length, Duration resolution) {
        windows.addObject()
                .put("name", name)
                .put("kind", "sliding")
                .put("length_ms", length.toMillis())
                .put("resolution_ms", resolution.toMillis());
        reachMs = Math.max(reachMs, length.toMillis() + resolution.toMillis());
        return this;
    }

    public PlanBuilder vector(String name, int dimensions) {
        column(name, "vector", true);
        ((ObjectNode) columns.get(columns.size() - 1)).put("dimensions", dimensions);
        return this;
    }

    /** Gives the feature added last a parameter, such as {@code limit}. */
    public PlanBuilder with(String parameter, Number value) {
        ((ObjectNode) features.get(features.size() - 1)).putPOJO(parameter, value);
        return this;
    }

    /** A feature f0, f1, ... that is made of two others, by number. */
    public PlanBuilder derived(String aggregate, int first, int second) {
        ObjectNode feature = features.addObject().put("name", "f" + (features.size() - 1));
        feature.put("aggregate", aggregate).put("type", "double").putArray("inputs").add(first).add(second);
        return this;
    }

    /** Like {@link #window}, ending so long before the clock. */
    public PlanBuilder offsetWindow(String name, Duration length, Duration offset, Duration resolution) {
        window(name, length, resolution);
        ((ObjectNode) windows.get(windows.size() - 1)).put("offset_ms", offset.toMillis());
        reachMs = Math.max(reachMs, offset.plus(length).plus(resolution).toMillis());
        return this;
    }

    /** The session that is under way. */
    public PlanBuilder session(String name, Duration gap, Duration longest, Duration resolution) {
        windows.addObject()
                .put("name", name)
                .put("kind", "session")
                .put("gap_ms", gap.toMillis())
                .put("longest_ms", longest.toMillis())
                .put("resolution_ms", resolution.toMillis());
        reachMs = Math.max(reachMs, longest.plus(resolution).toMillis());
        return this;
    }

    /** All events. */
    public PlanBuilder lifetime(String name) {
        windows.addObject().put("name", name).put("kind", "lifetime").put("resolution_ms", 345_600_000_000_000L);
        reachMs = Window.UNLIMITED;
        return this;
    }

    /** A feature f0, f1, ... over the window added last; {@code column} is a number, or null for a count of events. */
    public PlanBuilder feature(String aggregate, Integer column, String type) {
        int window = windows.size() - 1;
        int number = features.size();
        features.addObject()
                .put("name", "f" + number)
                .put("aggregate", aggregate)
                .put("column", column)
                .put("window", window)
                .put("type", type);
        return this;
    }

    public Plan build() {
        if (reachMs != Window.UNLIMITED) {
            plan.put("reach_ms", reachMs);
        }
        ObjectNode source = plan.putArray("sources").addObject();
        source.put("topic", "events").put("subject", "events-value");
        source.putObject("reader_schema").put("type", "record").put("name", "Event").putArray("fields");
        source.putArray("key").addObject().putArray("path").add("user");
        source.putObject("event_time").put("unit", "us").putArray("path").add("at");
        ArrayNode paths = source.putArray("columns");
        columns.forEach(column -> paths.addObject().putArray("path").add(column.get("name").textValue()));
        source.put("allowed_skew_ms", 60_000).put("watermark_delay_ms", 1000).put("idle_timeout_ms", 5000);
        plan.putObject("dead_letters").put("topic", "dead").put("subject", "dead-value");
        plan.putObject("late").put("topic", "late").put("subject", "late-value");
        plan.putObject("log").put("topic", "log").put("subject", "log-value").put("partitions", 4).set("schema", logSchema());
        return Plan.parse(plan.toString());
    }

    private ObjectNode logSchema() {
        ObjectNode schema = new ObjectMapper().createObjectNode().put("type", "record").put("name", "Row");
        ArrayNode fields = schema.putArray("fields");
        fields.addObject().put("name", "user").put("type", "string");
        for (String name : new String[] {"generation", "clock", "n", "event_time", "ingested_at", "computed_at"}) {
            fields.addObject().put("name", name).put("type", "long");
        }
        ObjectNode cause = fields.addObject().put("name", "cause").putObject("type");
        cause.put("type", "enum").put("name", "FeatureRowCause").putArray("symbols").add("EVENT").add("EXPIRY");
        windows.forEach(window -> {
            optional(fields, "next_change_" + window.get("name").textValue(), "long");
            optional(fields, "empty_at_" + window.get("name").textValue(), "long");
        });
        features.forEach(feature -> optional(fields, feature.get("name").textValue(), feature.get("type").textValue()));
        return schema;
    }

    private static void optional(ArrayNode fields, String name, String type) {
        ArrayNode union = fields.addObject().put("name", name).putArray("type").add("null");
        int open = type.indexOf('<');
        if (open < 0) {
            union.add(type);
        } else {
            String shape = type.substring(0, open);
            String item = type.substring(open + 1, type.length() - 1);
            union.addObject().put("type", shape).put(shape.equals("array") ? "items" : "values", item);
        }
    }
}
