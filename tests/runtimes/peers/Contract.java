import java.io.IOException;

/** What the Java peers share; the contract is told in ../run.py. */
final class Contract {
    static final String OWN = "own";
    static final int FLOOD = 16 << 20; // bytes
    static final String JAVA = "Java " + System.getProperty("java.version");

    /** Something of a runtime that sends. */
    interface Action<T> {
        void run(T argument) throws IOException;
    }

    private Contract() {}

    /** Returns when standard input ends. */
    static void awaitEnd() throws IOException {
        while (System.in.read() >= 0) {
        }
    }

    /** Obeys one message: `send` sends a text, `ping` a ping with the given payload. */
    static void obey(String text, String version, Action<String> send, Action<String> ping) throws IOException {
        if (text.equals("ping")) {
            ping.run(OWN);
        } else {
            send.run(text.equals("version") ? version : text.equals("flood") ? "x".repeat(FLOOD) : text);
        }
    }
}
