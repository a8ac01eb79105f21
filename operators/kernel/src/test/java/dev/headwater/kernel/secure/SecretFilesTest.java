package dev.headwater.kernel.secure;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyPairGenerator;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import javax.security.auth.callback.Callback;
import javax.security.auth.callback.NameCallback;
import javax.security.auth.callback.PasswordCallback;
import org.apache.flink.kafka.shaded.org.apache.kafka.common.security.oauthbearer.OAuthBearerToken;
import org.apache.flink.kafka.shaded.org.apache.kafka.common.security.oauthbearer.OAuthBearerTokenCallback;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SecretFilesTest {
    @TempDir
    Path directory;

    @Test
    void aPasswordIsReadAnewForEachLogin() throws Exception {
        Path file = Files.writeString(directory.resolve("password"), "first\n");
        FileLogin login = new FileLogin();
        login.configure(Map.of(FileLogin.USER, "ann", FileLogin.PASSWORD, file.toString()), "SCRAM-SHA-512", List.of());
        NameCallback name = new NameCallback("user");
        PasswordCallback password = new PasswordCallback("password", false);
        login.handle(new Callback[] {name, password});
        assertEquals("ann first", name.getName() + " " + new String(password.getPassword()));
        Files.writeString(file, "second");
        login.handle(new Callback[] {password});
        assertEquals("second", new String(password.getPassword()));
    }

    @Test
    void aSecretThatIsNotThereIsNamedByItsFile() {
        Path file = directory.resolve("none");
        assertTrue(assertThrows(IOException.class, () -> SecretFile.read(file)).getMessage().contains(file.toString()));
    }

    @Test
    void aTokenHoldsUntilItSaysThatItExpiresAndIsNotShown() throws Exception {
        String claims = "{\"sub\":\"ann\",\"exp\":4000000000}";
        String body = Base64.getUrlEncoder().withoutPadding().encodeToString(claims.getBytes(StandardCharsets.UTF_8));
        Path file = Files.writeString(directory.resolve("token"), "e30." + body + ".");
        FileToken tokens = new FileToken();
        tokens.configure(Map.of(FileToken.TOKEN, file.toString()), "OAUTHBEARER", List.of());
        OAuthBearerToken token = token(tokens);
        assertEquals(4_000_000_000_000L, token.lifetimeMs());
        assertEquals("ann", token.principalName());
        assertFalse(token.toString().contains(body));
        Files.writeString(file, "opaque");
        long lifetimeMs = token(tokens).lifetimeMs() - System.currentTimeMillis();
        assertTrue(lifetimeMs > 0 && lifetimeMs <= 300_000, () -> "lives for " + lifetimeMs);
    }

    @Test
    void aPrivateKeyOfAnyUsualKindIsRead() throws Exception {
        for (String algorithm : List.of("EC", "RSA", "Ed25519")) {
            byte[] key = KeyPairGenerator.getInstance(algorithm).generateKeyPair().getPrivate().getEncoded();
            String pem = "-----BEGIN PRIVATE KEY-----\n" + Base64.getMimeEncoder().encodeToString(key)
                    + "\n-----END PRIVATE KEY-----\n";
            Path file = Files.writeString(directory.resolve(algorithm), "something before\n" + pem);
            assertEquals(Base64.getEncoder().encodeToString(key), Base64.getEncoder()
                    .encodeToString(Pem.key(file).getEncoded()));
        }
    }

    @Test
    void aKeyOfAnotherFormIsRefusedWithWhatToDoAndWithoutItsText() throws Exception {
        Path file = Files.writeString(directory.resolve("key"), "-----BEGIN RSA PRIVATE KEY-----\nhush\n");
        String told = assertThrows(IOException.class, () -> Pem.key(file)).getMessage();
        assertTrue(told.contains("openssl pkcs8") && told.contains(file.toString()) && !told.contains("hush"), told);
        assertThrows(IOException.class, () -> Pem.certificates(file));
    }

    @Test
    void filesThatWereReplacedAreNoticed() throws Exception {
        Path file = Files.writeString(directory.resolve("ca"), "one");
        TlsFiles files = new TlsFiles(file, null, null);
        String before = files.stamp();
        Files.writeString(file, "another");
        assertNotEquals(before, files.stamp());
        Files.delete(file);
        assertEquals("none ", files.stamp());
    }

    @Test
    void aCertificateWithoutItsKeyIsRefused() {
        assertThrows(IllegalArgumentException.class, () -> TlsFiles.of(null, "certificate", null));
    }

    private static OAuthBearerToken token(FileToken tokens) throws Exception {
        OAuthBearerTokenCallback callback = new OAuthBearerTokenCallback();
        tokens.handle(new Callback[] {callback});
        return callback.token();
    }
}
