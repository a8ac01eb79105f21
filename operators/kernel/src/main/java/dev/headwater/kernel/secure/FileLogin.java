package dev.headwater.kernel.secure;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import javax.security.auth.callback.Callback;
import javax.security.auth.callback.NameCallback;
import javax.security.auth.callback.PasswordCallback;
import javax.security.auth.login.AppConfigurationEntry;
import org.apache.flink.kafka.shaded.org.apache.kafka.common.security.auth.AuthenticateCallbackHandler;

/**
 * The user {@link #USER} with the password that stands in the file {@link #PASSWORD}, read anew for each connection:
 * so the job carries no password, and one that was replaced holds for the next connection. For SCRAM and PLAIN.
 */
public final class FileLogin implements AuthenticateCallbackHandler {
    static final String USER = "headwater.sasl.user";
    static final String PASSWORD = "headwater.sasl.password.file";

    private String user;
    private Path password;

    @Override
    public void configure(Map<String, ?> configs, String mechanism, List<AppConfigurationEntry> jaas) {
        user = (String) configs.get(USER);
        password = Path.of((String) configs.get(PASSWORD));
    }

    @Override
    public void handle(Callback[] callbacks) throws IOException {
        for (Callback each : callbacks) {
            if (each instanceof NameCallback name) {
                name.setName(user);
            } else if (each instanceof PasswordCallback secret) {
                secret.setPassword(SecretFile.read(password).toCharArray());
            } // SCRAM also asks for extensions, of which there are none.
        }
    }

    @Override
    public void close() {}
}
