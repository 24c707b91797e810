import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CompletionStage;

/** The JDK's own java.net.http.WebSocket: a client. */
final class JdkPeer implements WebSocket.Listener {
    @Override
    public CompletionStage<?> onText(WebSocket socket, CharSequence text, boolean last) {
        socket.request(1);
        try {
            Contract.obey(text.toString(), "java.net.http, " + Contract.JAVA, reply -> socket.sendText(reply, true),
                    payload -> socket.sendPing(ByteBuffer.wrap(payload.getBytes(StandardCharsets.UTF_8))));
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
        return null;
    }

    @Override
    public CompletionStage<?> onPong(WebSocket socket, ByteBuffer payload) {
        socket.request(1);
        if (StandardCharsets.UTF_8.decode(payload).toString().equals(Contract.OWN)) socket.sendText("pong", true);
        return null;
    }

    public static void main(String[] arguments) throws Exception {
        HttpClient.newHttpClient().newWebSocketBuilder().buildAsync(URI.create(arguments[1]), new JdkPeer()).join();
        Contract.awaitEnd();
        System.exit(0);
    }
}
