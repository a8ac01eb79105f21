package dev.headwater.kernel.decode;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.headwater.kernel.decode.FakeRegistry.Answer;
import dev.headwater.kernel.event.Reason;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.avro.Schema;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class SchemaRegistryTest {
    private static final long OLD = 0;

    private FakeRegistry server;

    @BeforeEach
    void start() throws Exception {
        server = new FakeRegistry().with(1, Events.WRITER);
    }

    @AfterEach
    void stop() {
        server.close();
    }

    @Test
    void aSchemaIsAskedForOnce() throws Exception {
        SchemaRegistry registry = server.client(0);
        assertEquals(Events.WRITER, registry.schema(1, OLD));
        assertEquals(Events.WRITER, registry.schema(1, OLD));
        assertEquals(List.of("/schemas/ids/1"), server.asked);
    }

    @Test
    void nonsenseIsWaitedThroughAndNeverRejects() throws Exception {
        for (Answer nonsense : List.of(
                new Answer(500, "{}"),
                new Answer(503, ""),
                new Answer(401, "{\"error_code\":40101}"),
                new Answer(403, "{}"),
                new Answer(404, "<html>not found</html>"),
                new Answer(404, "{\"error_code\":404}"),
                new Answer(200, "<html>a proxy</html>"),
                new Answer(200, "{\"hello\":1}"),
                new Answer(200, "[]"))) {
            server.answerEverything(nonsense);
            SchemaRegistry registry = server.client(0);
            CompletableFuture<Schema> answer = inBackground(registry);
            long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
            while (registry.failures() < 2 && System.nanoTime() < until) {
                Thread.sleep(5);
            }
            assertTrue(registry.unavailable(), nonsense.toString());
            assertFalse(answer.isDone(), nonsense.toString());
            server.answerEverything(null);
            assertEquals(Events.WRITER, answer.get(10, TimeUnit.SECONDS));
            assertFalse(registry.unavailable());
        }
    }

    @Test
    void aRegistryThatIsNotThereIsWaitedForUntilTheTaskIsCancelled() throws Exception {
        server.close();
        SchemaRegistry registry = server.client(0);
        Thread thread = new Thread(() -> assertThrows(InterruptedException.class, () -> registry.schema(1, OLD)));
        thread.start();
        while (!registry.unavailable()) {
            Thread.sleep(5);
        }
        assertTrue(thread.isAlive());
        thread.interrupt();
        thread.join(5_000);
        assertFalse(thread.isAlive());
    }

    @Test
    void anUnknownIdIsAskedForUntilTheRecordIsOldEnough() throws Exception {
        SchemaRegistry registry = server.client(700);
        long start = System.nanoTime();
        assertEquals(Reason.UNKNOWN_SCHEMA, rejection(registry, 9, System.currentTimeMillis()));
        assertTrue(System.nanoTime() - start >= TimeUnit.MILLISECONDS.toNanos(690));
        assertTrue(server.asked.size() > 2);
    }

    @Test
    void aFloodOfAnUnknownIdIsRejectedWithoutAskingAgain() throws Exception {
        SchemaRegistry registry = server.client(0);
        for (int i = 0; i < 1_000; i++) {
            assertEquals(Reason.UNKNOWN_SCHEMA, rejection(registry, 9, OLD));
        }
        assertEquals(1, server.asked.size());
    }

    @Test
    void aSchemaThatIsRegisteredWhileARecordWaitsIsUsed() throws Exception {
        SchemaRegistry registry = server.client(10_000);
        CompletableFuture<Schema> answer = inBackground(registry, 9, System.currentTimeMillis());
        while (server.asked.size() < 2) {
            Thread.sleep(5);
        }
        server.with(9, Events.WRITER);
        assertEquals(Events.WRITER, answer.get(5, TimeUnit.SECONDS));
    }

    @Test
    void whatIsNoAvroSchemaIsIncompatible() throws Exception {
        server.with("/schemas/ids/2", Map.of("schema", "syntax = \"proto3\";", "schemaType", "PROTOBUF"));
        server.with("/schemas/ids/3", Map.of("schema", "{\"type\":\"recor\"}"));
        server.with("/schemas/ids/4", Map.of("schema", "not json"));
        SchemaRegistry registry = server.client(0);
        for (int id = 2; id <= 4; id++) {
            assertEquals(Reason.SCHEMA_INCOMPATIBLE, rejection(registry, id, OLD));
        }
    }

    @Test
    void referencesAreResolved() throws Exception {
        String item = "{\"type\":\"record\",\"name\":\"Item\",\"namespace\":\"shop\",\"fields\":[]}";
        String order = "{\"type\":\"record\",\"name\":\"Order\",\"namespace\":\"shop\",\"fields\":"
                + "[{\"name\":\"item\",\"type\":\"shop.Item\"}]}";
        server.with("/subjects/shop.items-value/versions/2", Map.of("schema", item));
        server.with("/schemas/ids/5", Map.of(
                "schema", order,
                "references", List.of(Map.of("name", "shop.Item", "subject", "shop.items-value", "version", 2))));
        Schema schema = server.client(0).schema(5, OLD);
        assertEquals("Item", schema.getField("item").schema().getName());
    }

    private CompletableFuture<Schema> inBackground(SchemaRegistry registry) {
        return inBackground(registry, 1, OLD);
    }

    private static CompletableFuture<Schema> inBackground(SchemaRegistry registry, int id, long recordTimestampMs) {
        CompletableFuture<Schema> result = new CompletableFuture<>();
        Thread thread = new Thread(() -> {
            try {
                result.complete(registry.schema(id, recordTimestampMs));
            } catch (RejectedException | InterruptedException e) {
                result.completeExceptionally(e);
            }
        });
        thread.setDaemon(true);
        thread.start();
        return result;
    }

    private static Reason rejection(SchemaRegistry registry, int id, long recordTimestampMs) {
        return assertThrows(RejectedException.class, () -> registry.schema(id, recordTimestampMs)).reason();
    }
}
