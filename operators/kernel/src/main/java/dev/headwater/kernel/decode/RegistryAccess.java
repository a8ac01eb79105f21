package dev.headwater.kernel.decode;

import com.fasterxml.jackson.databind.JsonNode;
import dev.headwater.kernel.secure.SecretFile;
import dev.headwater.kernel.secure.TlsFiles;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Base64;
import java.util.Optional;

/**
 * Where the registry is and how it is entered: with a token, with a user and a password, or freely. A secret is a text
 * or the file that it stands in, which is read anew for each request.
 */
record RegistryAccess(String url, TlsFiles tls, String user, Secret password, Secret token) {
    /** One of both, or neither. */
    record Secret(String text, Path file) {
        Optional<String> read() throws IOException {
            return file != null ? Optional.of(SecretFile.read(file)) : Optional.ofNullable(text);
        }

        @Override
        public String toString() {
            return file != null ? file.toString() : "a secret";
        }
    }

    /** A registry that anyone may read. */
    static RegistryAccess open(String url) {
        return new RegistryAccess(url, new TlsFiles(null, null, null), null, new Secret(null, null), new Secret(null, null));
    }

    /** Reads the deployment's JSON, in which all but the URL may be missing or null. */
    static RegistryAccess parse(JsonNode node) {
        TlsFiles tls = new TlsFiles(
                path(node, "registry_ca_file"), path(node, "registry_certificate_file"), path(node, "registry_key_file"));
        return new RegistryAccess(
                node.required("registry_url").asText(),
                tls,
                text(node, "registry_user"),
                new Secret(text(node, "registry_password"), path(node, "registry_password_file")),
                new Secret(text(node, "registry_token"), path(node, "registry_token_file")));
    }

    /** The value of the header Authorization. Throws IOException that names the file if one cannot be read. */
    Optional<String> authorization() throws IOException {
        Optional<String> bearer = token.read();
        if (bearer.isPresent()) {
            return Optional.of("Bearer " + bearer.get());
        }
        return user == null ? Optional.empty() : Optional.of(basic(user, password.read().orElse("")));
    }

    private static String basic(String user, String password) {
        return "Basic " + Base64.getEncoder().encodeToString((user + ":" + password).getBytes(StandardCharsets.UTF_8));
    }

    private static String text(JsonNode node, String name) {
        JsonNode found = node.path(name);
        return found.isTextual() ? found.asText() : null;
    }

    private static Path path(JsonNode node, String name) {
        String found = text(node, name);
        return found == null ? null : Path.of(found);
    }
}
