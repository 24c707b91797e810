import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.util.Jetty;
import org.eclipse.jetty.websocket.api.Session;
import org.eclipse.jetty.websocket.api.WebSocketAdapter;
import org.eclipse.jetty.websocket.api.WebSocketPingPongListener;
import org.eclipse.jetty.websocket.client.WebSocketClient;
import org.eclipse.jetty.websocket.server.WebSocketHandler;
import org.eclipse.jetty.websocket.servlet.WebSocketServletFactory;

/** Jetty 9, as client and as server. Its heartbeat is by hand: a ping a second, each of which needs its pong. */
public final class JettyPeer extends WebSocketAdapter implements WebSocketPingPongListener {
    private static final ScheduledExecutorService TIMER = Executors.newSingleThreadScheduledExecutor();
    private final boolean heartbeat;
    private volatile boolean alive = true;
    private ScheduledFuture<?> beats;

    private JettyPeer(boolean heartbeat) {
        this.heartbeat = heartbeat;
    }

    private static ByteBuffer bytes(String text) {
        return ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
    }

    private void beat() {
        try {
            if (!alive) getSession().disconnect();
            alive = false;
            getRemote().sendPing(bytes("beat"));
        } catch (IOException error) {
            throw new UncheckedIOException(error); // ends the beats
        }
    }

    @Override
    public void onWebSocketConnect(Session session) {
        super.onWebSocketConnect(session);
        if (heartbeat) beats = TIMER.scheduleAtFixedRate(this::beat, 1, 1, TimeUnit.SECONDS);
    }

    @Override
    public void onWebSocketClose(int code, String reason) {
        if (beats != null) beats.cancel(false);
        super.onWebSocketClose(code, reason);
    }

    @Override
    public void onWebSocketText(String text) {
        try {
            Contract.obey(text, "Jetty " + Jetty.VERSION + ", " + Contract.JAVA, getRemote()::sendString,
                    payload -> getRemote().sendPing(bytes(payload)));
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    @Override
    public void onWebSocketPing(ByteBuffer payload) {}

    @Override
    public void onWebSocketPong(ByteBuffer payload) {
        alive = true;
        if (StandardCharsets.UTF_8.decode(payload).toString().equals(Contract.OWN)) onWebSocketText("pong");
    }

    public static void main(String[] arguments) throws Exception {
        if (arguments[0].equals("client")) {
            WebSocketClient client = new WebSocketClient();
            client.start();
            client.connect(new JettyPeer(false), URI.create(arguments[1])).get();
        } else {
            boolean heartbeat = arguments[1].equals("heartbeat");
            Server server = new Server(new InetSocketAddress("127.0.0.1", 0));
            server.setHandler(new WebSocketHandler() {
                @Override
                public void configure(WebSocketServletFactory factory) {
                    factory.setCreator((request, answer) -> new JettyPeer(heartbeat));
                }
            });
            server.start();
            int port = ((ServerConnector) server.getConnectors()[0]).getLocalPort();
            System.out.println("{\"event\": \"listening\", \"port\": " + port + "}");
        }
        Contract.awaitEnd();
        System.exit(0);
    }
}
