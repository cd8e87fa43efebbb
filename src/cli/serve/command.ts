/**
 * The declaration of `wss serve`.
 *
 * @module
 */

import { type Command, InvalidArgumentError, Option } from "commander";
import { forExperts, newCommand } from "../command.ts";
import { SECRET_SOURCES } from "../secret.ts";
import {
  collect,
  readCount,
  readDuration,
  readPort,
  readSize,
} from "../values.ts";
import type { ServeValues } from "./values.ts";

/** Declares the command. */
export function serveCommand(): Command {
  const command = newCommand("serve", "run a server, encrypted", {
    examples: [
      ["wss serve", "greet, on a certificate that is made if need be"],
      [
        "wss serve --echo --hostname 0.0.0.0 --token file:token",
        "known clients",
      ],
      ["wss serve --handler chat.ts --static public", "your code, your pages"],
      ["wss serve --plain --proxy tcp://localhost:5900", "behind nginx"],
    ],
    permissions: [
      [
        "--allow-net=localhost:8765",
        "to listen; on the strict engine 127.0.0.1",
      ],
      ["--allow-read=certs", "the certificate, and all other files named"],
      ["--allow-write=certs", "to make the certificate, the first time"],
      ["--allow-env=NAME", "the secret of env:NAME"],
      ["--allow-run=PROGRAM", "the program of --exec"],
      ["--allow-net=HOST:PORT", "the target of --proxy"],
      ["--allow-ffi", "for --tcp-no-delay on the built-in engine"],
    ],
    notes: NOTES,
  });
  addModes(command);
  addPlace(command);
  addTls(command);
  addAdmission(command);
  addManner(command);
  addLimits(command);
  return command.action(async (values: ServeValues) => {
    const { runServe } = await import("./run.ts");
    await runServe(values);
  });
}

const NOTES = [
  "The access log is the data: it goes to standard output, a line for each connection that was opened, refused or closed; all else goes to standard error. With --log json each line is an object with time, event (listen, open, refuse, close, lost), and what is known: url; id, peer, path, subprotocol, user; status, origin; code, clean, ms, messagesReceived, bytesReceived, messagesSent, bytesSent. Sizes of text are in UTF-16 units. No query, header, reason or message is logged; --greet prints the names and its greetings between the lines of text. The server waits for no reader: past 1 MiB that nobody took, lines are dropped, and a line of the log tells how many (event lost, lines).",
  "Without --cert and --plain the certificate is certs/localhost.pem, which is made with its authority certs/ca.pem if there is none, and renewed before it expires. Clients trust certs/ca.pem.",
  "--client-ca, --client-auth, --crl, --tls-min, --watch and --compression need the strict engine, and choose it. So do --echo, --broadcast, --exec and --proxy, unless --engine deno is given: the strict engine lets a client wait while nobody takes what it sends, the built-in one closes its connection with 1013; and small messages in a row do not stall on it. On the built-in one, on Linux and with TLS, --tcp-no-delay ends that stall; it calls the C library, by --allow-ffi, with which a program can do whatever its user can.",
  "--auth has user:password, a line for each user. --token has the token, or name:token, a line for each; the name goes to the log. Either lets in where both are given. Pages of --static are for everybody.",
  "--broadcast sends each message to all others, not to its sender. A client that does not keep up is cut off at --max-unsent-bytes, and holds nobody up.",
  "--handler takes a module: its default export serves a connection, as the handler of serve() does; fetch, if it is exported, answers ordinary requests.",
  "--exec runs a program for each connection, without a shell: quotes work, and sh -c '…' is there for the rest. Each line that it prints is a message, each message is a line that it reads; --null separates by NUL, --binary passes bytes on as they come. Programs that hold lines back in a pipe need their own flag against that, or stdbuf -oL. Its environment has WSS_ID, WSS_URL, WSS_REMOTE_ADDR, WSS_REMOTE_PORT, WSS_SUBPROTOCOL, WSS_ORIGIN and WSS_USER, and of the server's own no more than PATH, HOME, USER, LANG, LC_ALL, TZ and TMPDIR, as far as --allow-env lets it. It ends the connection with 1000 if it succeeds, else with 1011. When the connection ends, so does its input; a second after that SIGTERM comes, and five seconds later SIGKILL. Past --max-processes connections are closed with 1013. What a program leaves running behind itself is not ended: in sh -c, end with exec.",
  "--proxy exchanges bytes with a target: binary messages there and back, text as UTF-8. It ends with 1000 when the target does, with 1011 when that hangs up in the middle, or cannot be reached within 10 s.",
  "--static answers GET and HEAD with the files of a directory, index.html for a directory and 404.html for what is not there; nothing outside of it, also by links, and nothing that begins with a dot, but for .well-known; no file that is PEM with a private key in it, nor the files that --cert, --key, --token, --auth and --handler name.",
  "SIGINT and SIGTERM let connections finish and end with exit code 0, a second one ends at once, with 130. SIGHUP reads certificate, --client-ca and --crl anew, on the strict engine.",
];

const MODES = ["greet", "echo", "broadcast", "exec", "proxy", "handler"];

/** What is done with the connections: at most one of these, and --static. */
function addModes(command: Command): void {
  const mode = (flags: string, what: string): Option => {
    const option = new Option(flags, what);
    const others = MODES.filter((name) => name !== option.attributeName());
    return option.conflicts(others);
  };
  command
    .addOption(
      mode("--greet", 'be told a name, answer "Hello NAME!" (default)'),
    )
    .addOption(mode("--echo", "send every message back"))
    .addOption(mode("--broadcast", "send every message to all others"))
    .addOption(
      mode("--exec <command>", "a process for each connection, line by line"),
    )
    .addOption(
      mode("--proxy <target>", "pass bytes to tcp://host:port or unix:/path"),
    )
    .addOption(
      mode("--handler <file>", "the default export of this module serves"),
    )
    .addOption(new Option("--static <dir>", "pages for browsers, besides"));
}

function addPlace(command: Command): void {
  command
    .addOption(
      new Option("--port <port>", "to listen on; 0 is any (default: 8765)")
        .argParser(readPort),
    )
    .addOption(
      new Option(
        "--hostname <name>",
        "or address; 0.0.0.0 for all (default: localhost)",
      ),
    )
    .addOption(forExperts(
      new Option("--unix <path>", "listen on this socket instead, without TLS")
        .conflicts(["port", "hostname", "cert", "key", "clientCa"]),
    ));
}

function addTls(command: Command): void {
  command
    .addOption(
      new Option(
        "--cert <file>",
        "certificate chain (PEM) (default: certs/localhost.pem)",
      ).conflicts("plain"),
    )
    .addOption(
      new Option("--key <file>", "its private key, if it is not in that file")
        .conflicts("plain"),
    )
    .addOption(
      new Option("--plain", "no TLS: for behind a reverse proxy"),
    )
    .addOption(
      new Option("--client-ca <file>", "ask clients for certificates of these")
        .conflicts("plain"),
    )
    .addOption(forExperts(
      new Option("--client-auth <how>", "whether they must have one")
        .choices(["request", "require"]),
    ))
    .addOption(forExperts(
      new Option("--crl <file>", "client certificates that are revoked (PEM)")
        .argParser(collect),
    ))
    .addOption(forExperts(
      new Option("--tls-min <version>", "speak no older version of TLS")
        .choices(["1.2", "1.3"]).conflicts(["plain", "unix"]),
    ))
    .addOption(forExperts(
      new Option("--watch", "take the certificate anew when its file changes")
        .conflicts(["plain", "unix"]),
    ));
}

function addAdmission(command: Command): void {
  command
    .addOption(
      new Option("--token <source>", `bearer tokens: ${SECRET_SOURCES}`),
    )
    .addOption(
      new Option("--auth <source>", `user:password: ${SECRET_SOURCES}`),
    )
    .addOption(forExperts(
      new Option(
        "--token-from <place>",
        "where tokens may be besides the header",
      )
        .choices(["subprotocol", "query"]),
    ))
    .addOption(
      new Option("--origin <origin>", "let pages from there connect")
        .argParser(collect),
    )
    .addOption(forExperts(
      new Option("--insecure-any-origin", "let pages of any site connect")
        .conflicts("origin"),
    ))
    .addOption(forExperts(
      new Option("--subprotocol <name>", "subprotocol to agree on, best first")
        .argParser(collect),
    ))
    .addOption(forExperts(
      new Option("--trust-proxy <address>", "believe the headers of this proxy")
        .argParser(collect),
    ))
    .addOption(forExperts(
      new Option("--proxy-header <kind>", "of which kind they are")
        .choices(["x-forwarded", "forwarded"]),
    ));
}

function addManner(command: Command): void {
  command
    .addOption(
      new Option("--log <format>", "access log, printed")
        .choices(["text", "json", "none"]).default("text"),
    )
    .addOption(forExperts(
      new Option(
        "--engine <engine>",
        "deno (built-in) or node (strict) (default: by mode)",
      ).choices(["deno", "node"]),
    ))
    .addOption(forExperts(
      new Option(
        "--tcp-no-delay",
        "small messages at once, on the built-in engine (Linux)",
      ),
    ))
    .addOption(forExperts(
      new Option("--compression", "compress messages (permessage-deflate)"),
    ))
    .addOption(forExperts(
      new Option("--heartbeat", 'answer the message "ping" with "pong"'),
    ))
    .addOption(forExperts(
      new Option("--null", "--exec: NUL ends a message, not a line end"),
    ))
    .addOption(forExperts(
      new Option("--binary", "--exec: bytes, as they come").conflicts("null"),
    ))
    .addOption(forExperts(
      new Option(
        "--max-processes <n>",
        "--exec: how many at a time (default: 64)",
      )
        .argParser(readCount(1)),
    ))
    .addOption(forExperts(
      new Option("-v, --verbose", "tell what only helps to find a fault"),
    ));
}

function addLimits(command: Command): void {
  const limit = (
    flags: string,
    what: string,
    read: (text: string) => number,
  ): void => {
    command.addOption(forExperts(new Option(flags, what).argParser(read)));
  };
  limit(
    "--max-message <size>",
    "largest message to take (default: 1MiB)",
    readRoom,
  );
  limit(
    "--max-connections <n>",
    "connections at a time (default: 16384)",
    readCount(1),
  );
  limit(
    "--max-connections-per-ip <n>",
    "connections from one address",
    readCount(1),
  );
  limit(
    "--max-messages-per-second <n>",
    "messages from one client",
    readCount(1),
  );
  limit(
    "--max-message-burst <n>",
    "messages at once after a silence",
    readCount(1),
  );
  limit(
    "--max-queued-messages <n>",
    "messages that wait here (default: 1024; strict: 16)",
    readCount(1),
  );
  limit(
    "--max-queued-bytes <size>",
    "bytes that wait here (default: 16MiB; strict: 1MiB)",
    readRoom,
  );
  limit(
    "--send-buffer <size>",
    "bytes on their way to a client (default: 1MiB)",
    readRoom,
  );
  limit(
    "--max-unsent-bytes <size>",
    "bytes that wait for a client (default: 16MiB)",
    readRoom,
  );
  limit(
    "--open-timeout <time>",
    "for a handshake (default: 10s); strict: for TLS and the head, too",
    readDuration,
  );
  limit(
    "--ping-interval <time>",
    "silence before a ping, 0 for none (default: 20s)",
    readInterval,
  );
  limit(
    "--pong-timeout <time>",
    "for the answer to a ping (default: 20s)",
    readDuration,
  );
  limit(
    "--close-timeout <time>",
    "for the answer to a close (default: 10s)",
    readDuration,
  );
  command.addOption(forExperts(
    new Option(
      "--shutdown-timeout <time>",
      "for connections to finish, when stopped",
    )
      .argParser(readDuration).default(10_000, "10s"),
  ));
}

/** Reads a size of which 0 would take nothing. */
function readRoom(text: string): number {
  const size = readSize(text);
  if (size > 0) return size;
  throw new InvalidArgumentError("It must be 1 at least.");
}

/** Reads a duration of which 0 is none. */
function readInterval(text: string): number {
  return text === "0" ? 0 : readDuration(text);
}
