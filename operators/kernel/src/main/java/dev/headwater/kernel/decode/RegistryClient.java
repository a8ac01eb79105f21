package dev.headwater.kernel.decode;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.headwater.kernel.secure.TlsFiles;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Reads schemas over the Confluent registry API and tells 'there is none' from 'there is no telling'. */
final class RegistryClient {
    /** Subject, version and schema not found. Any other 404 comes from something that is not the registry. */
    private static final Set<Integer> DENIALS = Set.of(40401, 40402, 40403);

    private static final ObjectMapper JSON = new ObjectMapper();

    /** One for all of a process: each has a thread of its own, which Java 17 ends only when the client is garbage. */
    private static final Map<TlsFiles, Connections> CONNECTIONS = new ConcurrentHashMap<>();

    private final RegistryAccess access;
    private final String base;
    private final Duration timeout;

    /** A client that was made of TLS files as they were then. */
    private record Connections(String stamp, HttpClient client) {}

    RegistryClient(RegistryAccess access, Duration timeout) {
        this.access = access;
        this.base = access.url().endsWith("/") ? access.url().substring(0, access.url().length() - 1) : access.url();
        this.timeout = timeout;
    }

    /**
     * The JSON object at this path, which has a text {@code schema}; empty if the registry itself says that there is
     * none. Throws IOException for whatever else: no connection, no answer in time, another status, other content.
     */
    Optional<JsonNode> get(String path) throws IOException, InterruptedException {
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(base + path))
                .timeout(timeout)
                .header("Accept", "application/vnd.schemaregistry.v1+json, application/json");
        access.authorization().ifPresent(value -> request.header("Authorization", value));
        HttpResponse<String> response = send(request.build());
        if (response.statusCode() == 401 || response.statusCode() == 403) {
            throw new IOException("GET " + base + path + ": status " + response.statusCode() + ": the registry refuses "
                    + (access.user() == null ? "the token, or wants one" : "the user " + access.user())
                    + "; mend HEADWATER_REGISTRY_USER and _PASSWORD_FILE, or _TOKEN_FILE, or what they name");
        }
        JsonNode body;
        try {
            body = JSON.readTree(response.body());
        } catch (JsonProcessingException e) {
            throw new IOException("GET " + base + path + ": status " + response.statusCode() + " and no JSON");
        }
        if (response.statusCode() == 404 && DENIALS.contains(body.path("error_code").asInt())) {
            return Optional.empty();
        }
        if (response.statusCode() != 200 || !body.path("schema").isTextual()) {
            throw new IOException("GET " + base + path + ": status " + response.statusCode() + " and no schema");
        }
        return Optional.of(body);
    }

    static String encode(String segment) {
        return URLEncoder.encode(segment, StandardCharsets.UTF_8).replace("+", "%20");
    }

    private HttpResponse<String> send(HttpRequest request) throws IOException, InterruptedException {
        // The request's own timeout ends with the response's first line; this one covers the body too.
        CompletableFuture<HttpResponse<String>> future =
                client().sendAsync(request, HttpResponse.BodyHandlers.ofString());
        try {
            return future.get(timeout.toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            throw new IOException("GET " + request.uri() + ": no answer within " + timeout.toMillis() + " ms");
        } catch (ExecutionException e) {
            throw new IOException("GET " + request.uri() + ": " + e.getCause(), e.getCause());
        } finally {
            future.cancel(true);
        }
    }

    /** As the TLS files are now: those that were replaced hold for the next request. */
    private HttpClient client() throws IOException {
        String now = access.tls().stamp();
        Connections known = CONNECTIONS.get(access.tls());
        if (known == null || !known.stamp().equals(now)) {
            HttpClient client = HttpClient.newBuilder()
                    .version(HttpClient.Version.HTTP_1_1)
                    .followRedirects(HttpClient.Redirect.NORMAL)
                    .sslContext(access.tls().context())
                    .build();
            known = new Connections(now, client);
            CONNECTIONS.put(access.tls(), known);
        }
        return known.client();
    }
}
