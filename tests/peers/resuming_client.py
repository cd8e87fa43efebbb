"""Makes HTTPS requests one after the other, and resumes sessions when told.

Reads from stdin {"ca": file, "steps": [{"port", "identity"?, "version", "resume"?}]},
where "identity" is a file with a certificate and its key, and "resume" is the
index of a step before it, of which the session is offered. Writes a list of
{"reply", "reused"}; the reply is null if the server cut the connection.
"""

import json
import socket
import ssl
import sys

VERSIONS = {
    "TLSv1.2": ssl.TLSVersion.TLSv1_2,
    "TLSv1.3": ssl.TLSVersion.TLSv1_3,
}


def make_context(plan, step):
    context = ssl.create_default_context(cafile=plan["ca"])
    version = VERSIONS[step["version"]]
    context.minimum_version = context.maximum_version = version
    if "identity" in step:
        context.load_cert_chain(step["identity"])
    return context


def request(context, port, session):
    """Returns the reply, whether the session was resumed, and the new session."""
    reused = False
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as tcp:
            with context.wrap_socket(
                tcp, server_hostname="localhost", session=session
            ) as tls:
                reused = tls.session_reused
                tls.sendall(b"GET / HTTP/1.0\r\n\r\n")
                received = b""
                while data := tls.recv(65536):
                    received += data
                _, separator, body = received.partition(b"\r\n\r\n")
                reply = body.decode() if separator else None
                return reply, reused, tls.session
    except (ssl.SSLError, ConnectionError):
        return None, reused, None


def main():
    plan = json.load(sys.stdin)
    done = []
    results = []
    for step in plan["steps"]:
        if "resume" in step:
            context, session = done[step["resume"]]
        else:
            context, session = make_context(plan, step), None
        reply, reused, session = request(context, step["port"], session)
        done.append((context, session))
        results.append({"reply": reply, "reused": reused})
    json.dump(results, sys.stdout)


main()
