package dev.headwater.kernel.secure;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Set;
import javax.security.auth.callback.Callback;
import javax.security.auth.callback.UnsupportedCallbackException;
import javax.security.auth.login.AppConfigurationEntry;
import org.apache.flink.kafka.shaded.org.apache.kafka.common.security.auth.AuthenticateCallbackHandler;
import org.apache.flink.kafka.shaded.org.apache.kafka.common.security.auth.SaslExtensionsCallback;
import org.apache.flink.kafka.shaded.org.apache.kafka.common.security.oauthbearer.OAuthBearerToken;
import org.apache.flink.kafka.shaded.org.apache.kafka.common.security.oauthbearer.OAuthBearerTokenCallback;

/**
 * The token that stands in the file {@link #TOKEN}, such as one that a cloud's agent renews there. Kafka asks again
 * before it expires; what says nothing of an expiry is read again after {@link #UNTOLD_LIFETIME}.
 */
public final class FileToken implements AuthenticateCallbackHandler {
    static final String TOKEN = "headwater.sasl.token.file";
    private static final Duration UNTOLD_LIFETIME = Duration.ofMinutes(5);
    private static final ObjectMapper JSON = new ObjectMapper();

    private Path file;

    private record Token(String value, String principalName, Long startTimeMs, long lifetimeMs)
            implements OAuthBearerToken {
        @Override
        public Set<String> scope() {
            return Set.of();
        }

        /** Without the token itself, since Kafka logs this. */
        @Override
        public String toString() {
            return "a token of " + principalName + " until " + lifetimeMs;
        }
    }

    @Override
    public void configure(Map<String, ?> configs, String mechanism, List<AppConfigurationEntry> jaas) {
        file = Path.of((String) configs.get(TOKEN));
    }

    @Override
    public void handle(Callback[] callbacks) throws IOException, UnsupportedCallbackException {
        for (Callback each : callbacks) {
            if (each instanceof OAuthBearerTokenCallback wanted) {
                wanted.token(token(SecretFile.read(file)));
            } else if (!(each instanceof SaslExtensionsCallback)) {
                throw new UnsupportedCallbackException(each);
            }
        }
    }

    @Override
    public void close() {}

    private static Token token(String value) {
        JsonNode claims = claims(value);
        long now = System.currentTimeMillis();
        long expiresAtMs = claims.path("exp").isNumber()
                ? claims.path("exp").asLong() * 1000
                : now + UNTOLD_LIFETIME.toMillis();
        return new Token(value, claims.path("sub").asText("headwater"), now, expiresAtMs);
    }

    /** What a JWT says of itself; nothing if it is a token of another kind. */
    private static JsonNode claims(String value) {
        String[] parts = value.split("\\.", -1);
        try {
            return parts.length == 3 ? JSON.readTree(Base64.getUrlDecoder().decode(parts[1])) : JSON.nullNode();
        } catch (IOException | IllegalArgumentException e) {
            return JSON.nullNode();
        }
    }
}
