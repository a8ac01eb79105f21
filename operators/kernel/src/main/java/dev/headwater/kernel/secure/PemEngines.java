package dev.headwater.kernel.secure;

import java.io.IOException;
import java.security.KeyStore;
import java.util.Map;
import java.util.Set;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLParameters;
import org.apache.flink.kafka.shaded.org.apache.kafka.common.KafkaException;
import org.apache.flink.kafka.shaded.org.apache.kafka.common.security.auth.SslEngineFactory;

/**
 * Kafka's TLS from the PEM files that {@link #AUTHORITY}, {@link #CERTIFICATE} and {@link #KEY} name. Files that were
 * replaced hold for the next connection. Kafka's own way takes the client's key as a text in its configuration, which
 * would travel with the job.
 */
public final class PemEngines implements SslEngineFactory {
    static final String AUTHORITY = "headwater.tls.ca.file";
    static final String CERTIFICATE = "headwater.tls.certificate.file";
    static final String KEY = "headwater.tls.key.file";

    private TlsFiles files;
    private String stamp = "";
    private SSLContext context;

    @Override
    public void configure(Map<String, ?> configs) {
        files = TlsFiles.of(
                (String) configs.get(AUTHORITY), (String) configs.get(CERTIFICATE), (String) configs.get(KEY));
    }

    @Override
    public synchronized SSLEngine createClientSslEngine(String host, int port, String endpointIdentification) {
        String now = files.stamp();
        if (context == null || !stamp.equals(now)) {
            try {
                context = files.context();
                stamp = now;
            } catch (IOException e) {
                throw new KafkaException("Kafka's TLS files cannot be used: " + e.getMessage(), e);
            }
        }
        SSLEngine engine = context.createSSLEngine(host, port);
        engine.setUseClientMode(true);
        SSLParameters parameters = engine.getSSLParameters();
        parameters.setEndpointIdentificationAlgorithm(endpointIdentification);
        engine.setSSLParameters(parameters);
        return engine;
    }

    @Override
    public SSLEngine createServerSslEngine(String host, int port) {
        throw new UnsupportedOperationException("a client");
    }

    @Override
    public boolean shouldBeRebuilt(Map<String, Object> configs) {
        return false; // it notices by itself
    }

    @Override
    public Set<String> reconfigurableConfigs() {
        return Set.of();
    }

    @Override
    public KeyStore keystore() {
        return null;
    }

    @Override
    public KeyStore truststore() {
        return null;
    }

    @Override
    public void close() {
        context = null;
    }
}
