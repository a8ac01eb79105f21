package dev.headwater.kernel.local;

import com.sun.net.httpserver.HttpServer;
import com.sun.net.httpserver.HttpsServer;
import com.sun.net.httpserver.spi.HttpServerProvider;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;

/**
 * Makes the JDK's HTTP servers that would listen on every address of the machine listen on the loopback address alone.
 *
 * <p>For the local stack: Flink's Prometheus reporter can be told a port, but no address. Named by the system property
 * {@code com.sun.net.httpserver.HttpServerProvider}; needs {@code --add-exports jdk.httpserver/sun.net.httpserver=ALL-UNNAMED}.
 */
public final class LoopbackHttpServerProvider extends HttpServerProvider {
    private static final String OF_THE_JDK = "sun.net.httpserver.DefaultHttpServerProvider";

    private final HttpServerProvider jdk;

    public LoopbackHttpServerProvider() throws ReflectiveOperationException {
        jdk = (HttpServerProvider) Class.forName(OF_THE_JDK).getConstructor().newInstance();
    }

    @Override
    public HttpServer createHttpServer(InetSocketAddress address, int backlog) throws IOException {
        return jdk.createHttpServer(onLoopback(address), backlog);
    }

    @Override
    public HttpsServer createHttpsServer(InetSocketAddress address, int backlog) throws IOException {
        return jdk.createHttpsServer(onLoopback(address), backlog);
    }

    private static InetSocketAddress onLoopback(InetSocketAddress address) {
        boolean anyAddress = address != null && address.getAddress() != null && address.getAddress().isAnyLocalAddress();
        return anyAddress ? new InetSocketAddress(InetAddress.getLoopbackAddress(), address.getPort()) : address;
    }
}
