import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Supplier;

/** The JDK's own java.net.http.WebSocket: a client. */
final class JdkPeer implements WebSocket.Listener {
    private final StringBuilder text = new StringBuilder();
    private CompletableFuture<?> sent = CompletableFuture.completedFuture(null);

    /** It refuses a message while it sends another. */
    private synchronized void then(Supplier<CompletableFuture<WebSocket>> send) {
        sent = sent.thenCompose(before -> send.get());
    }

    @Override
    public CompletionStage<?> onText(WebSocket socket, CharSequence part, boolean last) {
        socket.request(1);
        text.append(part);
        if (!last) return null;
        String message = text.toString();
        text.setLength(0);
        try {
            Contract.obey(message, "java.net.http, " + Contract.JAVA,
                    reply -> then(() -> socket.sendText(reply, true)),
                    own -> then(() -> socket.sendPing(ByteBuffer.wrap(own.getBytes(StandardCharsets.UTF_8)))));
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
        return null;
    }

    @Override
    public CompletionStage<?> onPong(WebSocket socket, ByteBuffer payload) {
        socket.request(1);
        if (StandardCharsets.UTF_8.decode(payload).toString().equals(Contract.OWN)) {
            then(() -> socket.sendText("pong", true));
        }
        return null;
    }

    public static void main(String[] arguments) throws Exception {
        HttpClient.newHttpClient().newWebSocketBuilder().buildAsync(URI.create(arguments[1]), new JdkPeer()).join();
        Contract.awaitEnd();
        System.exit(0);
    }
}
