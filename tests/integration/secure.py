"""Certificates made for a test by the openssl command, and TLS by hand: peers, and what `openssl s_client` says."""

import pathlib
import shutil
import socket
import ssl
import subprocess
import tempfile

import raw
from raw import DEADLINE

NAME = "host.test"


def openssl(*arguments, text=None, check=True):
    """Runs openssl; its output and errors as one text."""
    done = subprocess.run(["openssl", *arguments], input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace", timeout=DEADLINE, check=False)
    if check and done.returncode != 0:
        raise AssertionError(f"openssl {arguments}: {done.stdout}")
    return done.stdout


class Issued:
    """A certificate and its key, as files."""

    def __init__(self, certificate, key):
        self.certificate = str(certificate)
        self.key = str(key)


class Office:
    """A root, and what it has issued, in a directory of their own."""

    def __init__(self, root="Test Root"):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="wskeep-tls-"))
        self.root = Issued(self._path("root.crt"), self._path("root.key"))
        openssl("req", "-x509", *self._key("ec"), "-keyout", self.root.key, "-out", self.root.certificate, "-days", "30",
                "-subj", f"/CN={root}")

    def close(self):
        shutil.rmtree(self.directory, ignore_errors=True)

    def _path(self, name):
        return self.directory / name

    @staticmethod
    def _key(kind):
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        return {"ec": curve, "rsa": ["-newkey", "rsa:2048", "-nodes"]}[kind]

    def issue(self, file, *, names=(NAME,), subject=None, days=30, kind="ec", issuer=None, authority=False):
        issued = Issued(self._path(f"{file}.crt"), self._path(f"{file}.key"))
        request, extensions = self._path(f"{file}.csr"), self._path(f"{file}.ext")
        openssl("req", "-new", *self._key(kind), "-utf8", "-keyout", issued.key, "-out", str(request),
                "-subj", subject or f"/CN={file}")
        kinds = [f"{'IP' if name[0].isdigit() else 'DNS'}:{name}" for name in names]
        extensions.write_text((f"subjectAltName={','.join(kinds)}\n" if kinds else "") +
                              f"basicConstraints=critical,CA:{'TRUE' if authority else 'FALSE'}\n")
        issuer = issuer or self.root
        openssl("x509", "-req", "-in", str(request), "-CA", issuer.certificate, "-CAkey", issuer.key,
                "-CAcreateserial", "-days", str(days), "-extfile", str(extensions), "-out", issued.certificate)
        return issued

    def chained(self, file, *issued):
        """One file with several certificates."""
        path = self._path(file)
        path.write_text("".join(pathlib.Path(one.certificate).read_text() for one in issued))
        return str(path)

    def write(self, file, text):
        path = self._path(file)
        path.write_text(text)
        return str(path)

    def ocsp_response(self, file, issued):
        """What the root says of a certificate: it is good."""
        serial = openssl("x509", "-in", issued.certificate, "-noout", "-serial").strip().partition("=")[2]
        index = self.write(f"{file}.index", f"V\t491231235959Z\t\t{serial}\tunknown\t/CN=x\n")
        path = str(self._path(file))
        openssl("ocsp", "-index", index, "-rsigner", self.root.certificate, "-rkey", self.root.key,
                "-CA", self.root.certificate, "-issuer", self.root.certificate, "-cert", issued.certificate,
                "-respout", path, "-ndays", "1")
        return path

    def trusting(self, client=None):
        """A client's context that trusts this root alone."""
        context = ssl.create_default_context(cafile=self.root.certificate)
        if client:
            context.load_cert_chain(client.certificate, client.key)
        return context


def listening(*issued, **settings):
    """Settings for wskeep's first listener."""
    found = {}
    for i, one in enumerate(issued):
        found[f"listeners.0.tls.certificates.{i}.certificate"] = one.certificate
        found[f"listeners.0.tls.certificates.{i}.key"] = one.key
    return {**found, **{f"listeners.0.tls.{key}": value for key, value in settings.items()}}


def connect(port, context, name=NAME):
    """A stream over TLS, whose end must be a clean one: an end without close_notify raises ssl.SSLEOFError."""
    sock = socket.create_connection(("127.0.0.1", port), DEADLINE)
    try:
        return raw.Stream(context.wrap_socket(sock, server_hostname=name, suppress_ragged_eofs=False))
    except BaseException:
        sock.close()
        raise


def open_session(port, context, path="/", headers=(), *, behind=b"", name=NAME):
    stream = connect(port, context, name)
    stream.send(raw.upgrade_request(path, headers) + behind)
    if stream.read_head().status != 101:
        raise AssertionError(f"no 101 but {stream.head.line!r}")
    return stream


class Backend(raw.Backend):
    """A backend that speaks TLS with a server's context; `failures` are of handshakes."""

    def __init__(self, context, answer=raw.switch):
        self.context = context
        self.failures = []
        super().__init__(answer)

    def _greet(self, stream):
        try:
            stream.sock = self.context.wrap_socket(stream.sock, server_side=True, suppress_ragged_eofs=False)
        except OSError as error:
            self.failures.append(error)
            return
        super()._greet(stream)


def serving(issued, *, client_ca=None):
    """A server's context."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.certificate, issued.key)
    if client_ca:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(client_ca)
    return context


def s_client(port, *arguments, text="", name=NAME):
    """What `openssl s_client` says when it shakes hands, sends the text and hangs up."""
    asked = ["-servername", name] if name else ["-noservername"]
    return openssl("s_client", "-connect", f"127.0.0.1:{port}", *asked, *arguments, text=text, check=False)


def shaken(output):
    """Whether the handshake that s_client tells of was complete."""
    return "Cipher is (NONE)" not in output and ("Verification" in output or "Verify return code" in output)
