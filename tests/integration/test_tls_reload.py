"""SIGHUP reads the files of TLS again: newcomers get the new ones, sessions go on, and a fault changes nothing."""

import pathlib
import shutil
import signal
import threading

import frames
import raw
import secure
from secure import NAME, listening, s_client
from test_tls import NO_PINGS, TlsTest


class Reload(TlsTest):
    def setUp(self):
        super().setUp()
        self.first = self.office.issue("first", names=(NAME,))
        self.second = self.office.issue("second", names=(NAME,))
        self.used = secure.Issued(self.office.directory / "used.crt", self.office.directory / "used.key")

    def install(self, issued):
        shutil.copyfile(issued.certificate, self.used.certificate)
        shutil.copyfile(issued.key, self.used.key)

    def subject(self, program):
        output = s_client(program.port)
        return next(line for line in output.splitlines() if line.startswith("subject=")).rpartition(" ")[2]

    def reload(self, program):
        program.signal(signal.SIGHUP)

    def test_newcomers_get_the_new_files_and_a_fault_changes_nothing(self):
        self.install(self.first)
        program = self.tls_front(raw.closed_port(), self.used, extra={"workers": "2"})
        self.assertEqual(self.subject(program), "first")
        self.install(self.second)
        self.assertEqual(self.subject(program), "first")
        self.reload(program)
        program.log("TLS files reloaded")
        self.assertEqual(self.subject(program), "second")
        shutil.copyfile(self.first.certificate, self.used.certificate)  # not the key
        self.reload(program)
        why = program.log("TLS files not reloaded: the old ones stay")["why"]
        self.assertIn(f"{self.used.key}: isn't the key of {self.used.certificate}", why)
        self.assertEqual(self.subject(program), "second")
        pathlib.Path(self.used.key).unlink()
        self.reload(program)
        self.assertIn("No such file", program.log("TLS files not reloaded: the old ones stay")["why"])
        self.assertEqual(self.subject(program), "second")

    def test_no_session_is_lost_under_load(self):
        self.install(self.first)
        server = self.server("ws")
        program = self.front(server.port, {**NO_PINGS, **listening(self.used), "workers": "2"})
        context = self.office.trusting()
        stop = threading.Event()
        echoed, lost = [], []

        def talk(number):
            try:
                rounds = 0
                while not stop.is_set():  # a newcomer now and then, and old ones
                    stream = secure.open_session(program.port, context)
                    for _ in range(20):
                        payload = f"{number} {rounds}".encode()
                        stream.send(frames.client(1, payload))
                        if stream.frame().payload != payload:
                            raise AssertionError("not what was sent")
                        rounds += 1
                    stream.close()
                echoed.append(rounds)
            except BaseException as error:  # whatever it is, it is the test's failure
                lost.append(repr(error))

        old = [secure.open_session(program.port, context) for _ in range(20)]
        threads = [threading.Thread(target=talk, args=(i,)) for i in range(8)]
        for thread in threads:
            thread.start()
        for i in range(20):
            self.install(self.second if i % 2 == 0 else self.first)
            self.reload(program)
            program.log("TLS files reloaded")
            for stream in old:
                stream.send(frames.client(1, b"still there"))
                self.assertEqual(stream.frame().payload, b"still there")
        stop.set()
        for thread in threads:
            thread.join()
        for stream in old:
            stream.close()
        self.assertEqual(lost, [])
        self.assertGreater(sum(echoed), 0)

    def test_without_tls_there_is_nothing_to_reload(self):
        program = self.front(raw.closed_port())
        self.reload(program)
        program.log("SIGHUP ignored: there are no TLS files, and nothing else is reloaded")

    def test_the_backends_files_too(self):
        backend = secure.Backend(secure.serving(self.host))
        self.addCleanup(backend.close)
        authority = self.office.directory / "authority.pem"
        stranger = secure.Office("Strange Root")
        self.addCleanup(stranger.close)
        shutil.copyfile(stranger.root.certificate, authority)
        program = self.front(backend.port, {**NO_PINGS, "backend.tls.mode": "on", "backend.tls.ca": str(authority)})
        stream = self.raw_connection(program.port)
        stream.send(raw.upgrade_request())
        self.assertEqual(stream.read_head().status, 502)
        shutil.copyfile(self.office.root.certificate, authority)
        self.reload(program)
        program.log("TLS files reloaded")
        self.raw_session(program.port)
