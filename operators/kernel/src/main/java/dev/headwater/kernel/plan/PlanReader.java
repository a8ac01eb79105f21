package dev.headwater.kernel.plan;

import static dev.headwater.kernel.plan.PlanNode.require;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import java.util.List;

/** From the JSON text of a plan to its parts. Whatever is wrong is a {@link PlanException} that names the field. */
final class PlanReader {
    private static final int FORMAT = 2;
    private static final ObjectMapper JSON = new ObjectMapper();

    private PlanReader() {}

    static Plan.Body read(String json) {
        JsonNode root;
        try {
            root = JSON.readTree(json);
        } catch (JsonProcessingException e) {
            throw new PlanException("the plan is not JSON: " + e.getOriginalMessage(), e);
        }
        PlanNode plan = new PlanNode("plan", root);
        require(plan.integer("format") == FORMAT, "plan.format: this kernel reads format " + FORMAT);
        List<Plan.Column> columns = plan.list("columns").stream().map(PlanReader::column).toList();
        List<Plan.Zone> zones = plan.listOr("zones").stream().map(PlanReader::zone).toList();
        List<Window> windows =
                plan.list("windows").stream().map(n -> window(n, zones.size())).toList();
        PlanNode log = plan.child("log");
        Plan.Body body = new Plan.Body(
                plan.text("view"),
                plan.integer("generation"),
                plan.list("entity").stream()
                        .map(n -> new Plan.EntityField(n.text("name"), n.type("type")))
                        .toList(),
                plan.list("sources").stream().map(n -> source(n, columns.size())).toList(),
                columns,
                zones,
                windows,
                features(plan.list("features"), columns.size(), windows.size()),
                plan.has("deduplication") ? plan.child("deduplication").seconds("horizon_ms") : 0,
                plan.integer("emission_interval_ms"),
                plan.integer("heartbeat_interval_ms"),
                plan.integer("time_to_live_ms"),
                plan.integerOr("reach_ms", Window.UNLIMITED),
                output(log),
                Math.toIntExact(log.integer("partitions")),
                log.json("schema"),
                output(plan.child("dead_letters")),
                output(plan.child("late")));
        check(body);
        return body;
    }

    private static void check(Plan.Body body) {
        require(!body.windows().isEmpty(), "plan.windows: at least one window is needed");
        require(!body.sources().isEmpty(), "plan.sources: at least one source is needed");
        require(!body.entity().isEmpty(), "plan.entity: at least one field is needed");
        require(body.generation() >= 0, "plan.generation: must not be negative");
        require(body.emissionIntervalMs() >= 0, "plan.emission_interval_ms: must not be negative");
        require(body.heartbeatIntervalMs() > 0, "plan.heartbeat_interval_ms: must be positive");
        require(body.logPartitions() > 0, "plan.log.partitions: must be positive");
        long reachMs = body.windows().stream().mapToLong(Window::spanMs).max().orElseThrow();
        require(body.reachMs() == reachMs, "plan.reach_ms: the windows reach " + reachMs + " ms");
    }

    private static Plan.Column column(PlanNode n) {
        return new Plan.Column(
                n.text("name"), n.type("type"), n.bool("nullable"), (int) n.integerOr("dimensions", 0));
    }

    private static Plan.Zone zone(PlanNode n) {
        List<PlanNode> rows = n.list("transitions");
        require(!rows.isEmpty(), n.where() + ".transitions: at least one is needed");
        long[] seconds = new long[rows.size()];
        int[] offsets = new int[rows.size()];
        for (int i = 0; i < seconds.length; i++) {
            List<PlanNode> pair = rows.get(i).items();
            require(pair.size() == 2, rows.get(i).where() + ": a second and an offset are needed");
            seconds[i] = pair.get(0).integer();
            offsets[i] = Math.toIntExact(pair.get(1).integer());
            require(i == 0 || seconds[i] > seconds[i - 1], rows.get(i).where() + ": is not after the one before");
        }
        return new Plan.Zone(n.text("name"), seconds, offsets);
    }

    private static Window window(PlanNode n, int zones) {
        String name = n.text("name");
        long resolutionMs = n.seconds("resolution_ms");
        return switch (n.text("kind")) {
            case "sliding" -> new Window.Sliding(name, resolutionMs, n.seconds("length_ms"), n.integerOr("offset_ms", 0));
            case "calendar" -> new Window.Calendar(
                    name, resolutionMs, n.choice("unit", Window.Unit.class), n.index("zone", zones), n.bool("complete"));
            case "session" -> new Window.Session(name, resolutionMs, n.seconds("gap_ms"), n.seconds("longest_ms"));
            case "lifetime" -> new Window.Lifetime(name, resolutionMs);
            default -> throw new PlanException(n.where() + ".kind: there is no window '" + n.text("kind") + "'");
        };
    }

    private static List<Plan.Feature> features(List<PlanNode> nodes, int columns, int windows) {
        List<Plan.Feature> features = new ArrayList<>();
        for (PlanNode n : nodes) {
            List<Integer> inputs = n.listOr("inputs").stream()
                    .map(input -> Math.toIntExact(input.integer()))
                    .toList();
            require(inputs.isEmpty() || inputs.size() == 2, n.where() + ".inputs: two are needed");
            require(
                    inputs.stream().allMatch(input -> input >= 0 && input < nodes.size()),
                    n.where() + ".inputs: there is no such feature");
            features.add(new Plan.Feature(
                    n.text("name"),
                    n.text("aggregate"),
                    n.indexOrNone("column", columns),
                    inputs.isEmpty() ? n.index("window", windows) : -1,
                    ValueType.parse(n.text("type"), n.where() + ".type"),
                    n.indexOrNone("filter", columns),
                    inputs,
                    n.indexOrNone("weight", columns),
                    Math.toIntExact(n.integerOr("limit", 0)),
                    n.boolOr("sample", false),
                    n.decimalOr("fraction", 0),
                    n.integerOr("half_life_ms", 0),
                    Math.toIntExact(n.integerOr("weight_scale", 0)),
                    Math.toIntExact(n.integerOr("precision", 0))));
        }
        return List.copyOf(features);
    }

    private static Plan.Source source(PlanNode n, int columns) {
        PlanNode time = n.child("event_time");
        List<Plan.Input> inputs = n.list("columns").stream().map(PlanReader::input).toList();
        require(inputs.size() == columns, n.where() + ".columns: one input per column of the plan is needed");
        return new Plan.Source(
                n.text("topic"),
                n.text("subject"),
                n.json("reader_schema"),
                n.has("explode") ? n.strings("explode") : List.of(),
                n.listOr("variables").stream().map(PlanReader::variable).toList(),
                n.has("where") ? n.strings("where") : List.of(),
                n.list("key").stream().map(PlanReader::input).toList(),
                time.strings("path"),
                time.choice("unit", TimeUnit.class) == TimeUnit.US,
                n.listOr("event_id").stream().map(PlanReader::input).toList(),
                inputs,
                n.listOr("expectations").stream().map(PlanReader::expectation).toList(),
                n.integer("allowed_skew_ms"),
                n.integer("watermark_delay_ms"),
                n.integer("idle_timeout_ms"));
    }

    private static Plan.Variable variable(PlanNode n) {
        TimeUnit timestamp = n.has("timestamp") ? n.choice("timestamp", TimeUnit.class) : null;
        return new Plan.Variable(n.text("name"), n.strings("path"), n.type("type"), n.bool("nullable"), timestamp);
    }

    private static Plan.Expectation expectation(PlanNode n) {
        require(n.has("cel") != n.has("fresh_within_ms"), n.where() + ": either cel or fresh_within_ms is needed");
        return new Plan.Expectation(
                n.text("name"),
                n.choice("action", Plan.Action.class),
                n.textOr("cel", ""),
                n.integerOr("fresh_within_ms", 0));
    }

    private static Plan.Input input(PlanNode n) {
        if (n.value().isNull()) {
            return Plan.Input.NONE;
        }
        return new Plan.Input(n.has("path") ? n.strings("path") : List.of(), n.textOr("cel", ""));
    }

    private static Plan.Output output(PlanNode node) {
        return new Plan.Output(node.text("topic"), node.text("subject"));
    }
}
