package dev.headwater.kernel.secure;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.X509Certificate;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/**
 * PEM files of a TLS client: the authority that servers are trusted by (null: those that the JVM trusts), and the
 * client's own certificates with their key (both null: it shows none).
 */
public record TlsFiles(Path authority, Path certificate, Path key) {
    private static final char[] NO_PASSWORD = new char[0];

    public TlsFiles {
        if ((certificate == null) != (key == null)) {
            throw new IllegalArgumentException("a client certificate needs its key, and a key its certificate");
        }
    }

    static TlsFiles of(String authority, String certificate, String key) {
        return new TlsFiles(path(authority), path(certificate), path(key));
    }

    /** Which versions of the files there are: another text after one of them was replaced. */
    public String stamp() {
        StringBuilder stamp = new StringBuilder();
        for (Path file : Stream.of(authority, certificate, key).filter(Objects::nonNull).toList()) {
            try {
                stamp.append(Files.getLastModifiedTime(file)).append('/').append(Files.size(file)).append(' ');
            } catch (IOException e) {
                stamp.append("none "); // context() says what is wrong with it
            }
        }
        return stamp.toString();
    }

    /** What connections are made with. Throws IOException that names the file if one cannot be read or used. */
    public SSLContext context() throws IOException {
        try {
            TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
            trust.init(authority == null ? null : trusted(Pem.certificates(authority)));
            KeyManagerFactory keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
            keys.init(key == null ? empty() : identity(Pem.key(key), Pem.certificates(certificate)), NO_PASSWORD);
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(keys.getKeyManagers(), trust.getTrustManagers(), null);
            return context;
        } catch (GeneralSecurityException e) {
            throw new IOException("these files cannot be used for TLS: " + this + ": " + e.getMessage(), e);
        }
    }

    private static KeyStore trusted(List<X509Certificate> authorities) throws GeneralSecurityException, IOException {
        KeyStore store = empty();
        for (X509Certificate each : authorities) {
            store.setCertificateEntry("authority" + store.size(), each);
        }
        return store;
    }

    private static KeyStore identity(PrivateKey key, List<X509Certificate> chain)
            throws GeneralSecurityException, IOException {
        KeyStore store = empty();
        store.setKeyEntry("client", key, NO_PASSWORD, chain.toArray(X509Certificate[]::new));
        return store;
    }

    private static KeyStore empty() throws GeneralSecurityException, IOException {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, NO_PASSWORD);
        return store;
    }

    private static Path path(String text) {
        return text == null || text.isEmpty() ? null : Path.of(text);
    }
}
