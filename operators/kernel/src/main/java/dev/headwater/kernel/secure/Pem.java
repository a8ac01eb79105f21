package dev.headwater.kernel.secure;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Reads certificates and private keys from PEM files. What it throws names the file and never quotes it. */
final class Pem {
    private static final Pattern CERTIFICATE =
            Pattern.compile("-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----");
    private static final Pattern KEY = Pattern.compile("-----BEGIN PRIVATE KEY-----([^-]+)-----END PRIVATE KEY-----");
    private static final List<String> ALGORITHMS = List.of("EC", "RSA", "Ed25519", "Ed448");

    private Pem() {}

    /** All certificates of the file, in its order. */
    static List<X509Certificate> certificates(Path file) throws IOException {
        try {
            CertificateFactory factory = CertificateFactory.getInstance("X.509");
            StringBuilder found = new StringBuilder();
            Matcher matcher = CERTIFICATE.matcher(text(file));
            while (matcher.find()) {
                found.append(matcher.group()).append('\n');
            }
            byte[] bytes = found.toString().getBytes(StandardCharsets.US_ASCII);
            List<X509Certificate> certificates = factory.generateCertificates(new ByteArrayInputStream(bytes)).stream()
                    .map(X509Certificate.class::cast)
                    .toList();
            if (certificates.isEmpty()) {
                throw new IOException(file + " has no PEM certificate");
            }
            return certificates;
        } catch (CertificateException e) {
            throw new IOException(file + " has no PEM certificate that can be read", e);
        }
    }

    /** The file's private key, which must be PKCS #8 and not encrypted. */
    static PrivateKey key(Path file) throws IOException {
        Matcher matcher = KEY.matcher(text(file));
        if (!matcher.find()) {
            throw new IOException(file + " has no `BEGIN PRIVATE KEY`: convert it with"
                    + " `openssl pkcs8 -topk8 -nodes -in OLD -out NEW`");
        }
        PKCS8EncodedKeySpec spec = new PKCS8EncodedKeySpec(Base64.getMimeDecoder().decode(matcher.group(1)));
        for (String algorithm : ALGORITHMS) {
            try {
                return KeyFactory.getInstance(algorithm).generatePrivate(spec);
            } catch (GeneralSecurityException e) {
                continue; // it is a key of another kind
            }
        }
        throw new IOException(file + " has a private key of none of the kinds " + ALGORITHMS);
    }

    private static String text(Path file) throws IOException {
        return Files.readString(file, StandardCharsets.ISO_8859_1);
    }
}
