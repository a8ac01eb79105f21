package dev.headwater.kernel.decode;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Function;
import org.apache.avro.Schema;

/** A registry over HTTP on the loopback address that answers as a test wants it to. */
final class FakeRegistry implements AutoCloseable {
    /** What is sent back. */
    record Answer(int status, String body) {}

    static final Answer UNKNOWN = new Answer(404, "{\"message\":\"Schema not found.\",\"error_code\":40403}");

    final List<String> asked = new CopyOnWriteArrayList<>();
    private final Map<String, Answer> answers = new ConcurrentHashMap<>();
    private final HttpServer server;
    private volatile Function<String, Answer> override = path -> null;

    FakeRegistry() throws IOException {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/", this::handle);
        server.start();
    }

    FakeRegistry with(int id, Schema schema) throws IOException {
        return with("/schemas/ids/" + id, Map.of("schema", schema.toString()));
    }

    FakeRegistry with(String path, Map<String, Object> body) throws IOException {
        answers.put(path, new Answer(200, new ObjectMapper().writeValueAsString(body)));
        return this;
    }

    /** Answers everything like this until told otherwise; null answers what is known. */
    void answerEverything(Answer answer) {
        override = path -> answer;
    }

    String url() {
        return "http://127.0.0.1:" + server.getAddress().getPort();
    }

    SchemaRegistry client(long unknownWaitMs) {
        return new SchemaRegistry(new RegistryClient(RegistryAccess.open(url()), Duration.ofMillis(500)), unknownWaitMs);
    }

    @Override
    public void close() {
        server.stop(0);
    }

    private void handle(HttpExchange exchange) throws IOException {
        String path = exchange.getRequestURI().getPath();
        asked.add(path);
        Answer answer = override.apply(path);
        answer = answer == null ? answers.getOrDefault(path, UNKNOWN) : answer;
        byte[] body = answer.body().getBytes(StandardCharsets.UTF_8);
        exchange.sendResponseHeaders(answer.status(), body.length);
        exchange.getResponseBody().write(body);
        exchange.close();
    }
}
