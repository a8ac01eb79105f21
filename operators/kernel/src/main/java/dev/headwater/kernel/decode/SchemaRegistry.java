package dev.headwater.kernel.decode;

import dev.headwater.kernel.event.Reason;
import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import org.apache.avro.NameValidator;
import org.apache.avro.Schema;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writer schemas by id. An id's schema never changes, so it is asked for once. A registry that cannot be reached or
 * answers nonsense is waited for, for as long as it takes: no event is ever rejected because of it. Only when a healthy
 * registry denies an id, and goes on denying it until the event is old enough, the event is rejected.
 *
 * <p>One per source subtask; blocks its thread; interruptible.
 */
final class SchemaRegistry {
    private static final Logger LOG = LoggerFactory.getLogger(SchemaRegistry.class);
    private static final long FIRST_PAUSE_MS = 100;
    private static final long LONGEST_PAUSE_MS = 5_000;
    private static final long LONGEST_DENIED_PAUSE_MS = 500;
    private static final long DENIAL_HOLDS_MS = 5_000;
    private static final int REMEMBERED_DENIALS = 10_000;
    /** After so many ids in a row that were waited for in vain, none is waited for until the weariness is over. */
    private static final int WEARY_AFTER = 3;
    private static final long WEARINESS_MS = 60_000;
    private static final int MAX_REFERENCE_DEPTH = 16;

    private final RegistryClient client;
    private final long unknownWaitMs;
    private final Map<Integer, Schema> schemas = new HashMap<>();
    private final Map<Integer, String> unusable = new HashMap<>();
    private final Map<Integer, Long> deniedAtMs = new LinkedHashMap<>();
    private int waitedInVain;
    private long lastWaitedInVainMs;
    private volatile boolean unavailable;
    private volatile long failures;

    SchemaRegistry(RegistryClient client, long unknownWaitMs) {
        this.client = client;
        this.unknownWaitMs = unknownWaitMs;
    }

    /** True while a look-up waits for the registry to come back. */
    boolean unavailable() {
        return unavailable;
    }

    /** Answers that were none, since the start. */
    long failures() {
        return failures;
    }

    /**
     * The schema with this id. Rejected as {@link Reason#UNKNOWN_SCHEMA} if a healthy registry does not know it by the
     * time the record is {@code unknownWaitMs} old or has waited that long, or did not seconds ago, or has denied one
     * id after the other, so that a flood of garbage cannot hold the source up; as
     * {@link Reason#SCHEMA_INCOMPATIBLE} if what has this id is no Avro schema.
     */
    Schema schema(int id, long recordTimestampMs) throws RejectedException, InterruptedException {
        Schema known = schemas.get(id);
        if (known != null) {
            return known;
        }
        String fault = unusable.get(id);
        if (fault != null) {
            throw new RejectedException(Reason.SCHEMA_INCOMPATIBLE, fault);
        }
        return look(id, recordTimestampMs);
    }

    private Schema look(int id, long recordTimestampMs) throws RejectedException, InterruptedException {
        JsonNode answer = awaitAnswer(id, recordTimestampMs);
        try {
            Schema schema = parse(answer);
            schemas.put(id, schema);
            return schema;
        } catch (RejectedException e) {
            unusable.put(id, e.getMessage());
            throw e;
        }
    }

    private JsonNode awaitAnswer(int id, long recordTimestampMs) throws RejectedException, InterruptedException {
        // No registry hands out negative ids, and some answer such a question in ways that look like a fault.
        if (id < 0 || deniedLately(id)) {
            throw unknown(id);
        }
        long askedAtMs = System.currentTimeMillis();
        boolean weary = waitedInVain >= WEARY_AFTER && askedAtMs - lastWaitedInVainMs < WEARINESS_MS;
        long waitUntilMs = weary ? askedAtMs : Math.min(recordTimestampMs, askedAtMs) + unknownWaitMs;
        long pauseMs = FIRST_PAUSE_MS;
        while (true) {
            Optional<JsonNode> answer = ask("/schemas/ids/" + id);
            if (answer.isPresent()) {
                deniedAtMs.remove(id);
                waitedInVain = 0;
                return answer.get();
            }
            if (System.currentTimeMillis() >= waitUntilMs) {
                remember(id);
                if (!weary) {
                    waitedInVain++;
                    lastWaitedInVainMs = System.currentTimeMillis();
                }
                throw unknown(id);
            }
            pause(pauseMs);
            pauseMs = Math.min(2 * pauseMs, LONGEST_DENIED_PAUSE_MS);
        }
    }

    private Schema parse(JsonNode answer) throws RejectedException, InterruptedException {
        String type = answer.path("schemaType").asText("AVRO");
        if (!type.equals("AVRO")) {
            throw incompatible("the schema's type is " + type + ", not AVRO");
        }
        try {
            // A writer may be laxer than we are: names and defaults are the reader schema's business.
            Schema.Parser parser = new Schema.Parser(NameValidator.NO_VALIDATION).setValidateDefaults(false);
            addReferences(answer, parser, 0);
            return parser.parse(answer.get("schema").textValue());
        } catch (RuntimeException e) {
            // Avro's parser answers some malformed schemas with a NullPointerException.
            throw incompatible("not an Avro schema: " + e.getMessage());
        }
    }

    private void addReferences(JsonNode answer, Schema.Parser parser, int depth)
            throws RejectedException, InterruptedException {
        if (depth > MAX_REFERENCE_DEPTH) {
            throw incompatible("references more than " + MAX_REFERENCE_DEPTH + " deep");
        }
        for (JsonNode reference : answer.path("references")) {
            String name = reference.path("name").asText();
            if (parser.getTypes().containsKey(name)) {
                continue;
            }
            String path = "/subjects/" + RegistryClient.encode(reference.path("subject").asText())
                    + "/versions/" + reference.path("version").asInt();
            JsonNode referred = ask(path).orElseThrow(() -> incompatible("the registry has no " + path));
            addReferences(referred, parser, depth + 1);
            if (!parser.getTypes().containsKey(name)) {
                parser.parse(referred.get("schema").textValue());
            }
        }
    }

    /** The registry's answer, or empty if it is healthy and says that there is no such thing; waits for it to be healthy. */
    private Optional<JsonNode> ask(String path) throws InterruptedException {
        long pauseMs = FIRST_PAUSE_MS;
        while (true) {
            try {
                Optional<JsonNode> answer = client.get(path);
                if (unavailable) {
                    unavailable = false;
                    LOG.info("The schema registry answers again.");
                }
                return answer;
            } catch (IOException e) {
                failures++;
                if (!unavailable) {
                    unavailable = true;
                    LOG.warn("The schema registry is unavailable, the source waits for it: {}", e.getMessage());
                }
            }
            pause(pauseMs);
            pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
        }
    }

    private boolean deniedLately(int id) {
        Long atMs = deniedAtMs.get(id);
        return atMs != null && System.currentTimeMillis() - atMs < DENIAL_HOLDS_MS;
    }

    private void remember(int id) {
        if (deniedAtMs.size() >= REMEMBERED_DENIALS) {
            deniedAtMs.remove(deniedAtMs.keySet().iterator().next());
        }
        deniedAtMs.put(id, System.currentTimeMillis());
    }

    /** Sleeps between half of this and all of it, so that subtasks do not ask in step. */
    private static void pause(long ms) throws InterruptedException {
        Thread.sleep(ThreadLocalRandom.current().nextLong(ms / 2, ms + 1));
    }

    private static RejectedException unknown(int id) {
        return new RejectedException(Reason.UNKNOWN_SCHEMA, "the schema registry has no schema with id " + id);
    }

    private static RejectedException incompatible(String detail) {
        return new RejectedException(Reason.SCHEMA_INCOMPATIBLE, detail);
    }
}
