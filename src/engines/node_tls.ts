/**
 * The TLS of the strict engine: which certificate is shown to whom, and how it
 * is changed while the server listens.
 *
 * @module
 */

import type { Server, ServerOptions } from "node:https";
import type { Socket } from "node:net";
import {
  createSecureContext,
  type SecureContext,
  type TLSSocket,
} from "node:tls";
import type { TlsChange } from "../engine.ts";
import type { ClientAuth, ClientAuthRules } from "../tls/client_auth.ts";
import { type Logger, printable } from "../logger.ts";
import { parseHost } from "../tls/host.ts";
import type { PeerCertificate } from "../tls/peer_certificate.ts";
import {
  type CertChain,
  certificateNames,
  checkCertChain,
  coversHost,
} from "../tls/pem.ts";
import { watchChain } from "../tls/watch_chain.ts";

/** What the TLS of a server is made of, as `serve()` is told it. */
export interface TlsSetup {
  /** Shown to those who ask for no name of `certificates`. */
  readonly chain: CertChain;
  readonly certificates?: Readonly<Record<string, CertChain>> | undefined;
  readonly minVersion?: "TLSv1.2" | "TLSv1.3" | undefined;
  readonly clientCa?: readonly string[] | undefined;
  readonly clientAuth?: "request" | "require" | undefined;
  readonly crl?: readonly string[] | undefined;
  /** After how many milliseconds the files are looked at; without it, never. */
  readonly watchInterval?: number | undefined;
}

/** What `node:tls` calls with the context that it is to use; none is the default. */
type Chosen = (error: Error | null, context?: SecureContext) => void;

/** Who hears what is wrong. */
interface Told {
  readonly logger: Logger;
  onfail(error: unknown): void;
}

/** What is in force. */
interface InForce {
  readonly setup: TlsSetup;
  /** Who may show which client certificate, where clients are asked for one. */
  readonly auth: ClientAuth | undefined;
  readonly byName: ReadonlyMap<string, SecureContext>;
}

/** The TLS of one server. */
export class NodeTls {
  #inForce: InForce;
  #server: Server | undefined;
  #onfail: (error: unknown) => void = () => {};
  #logger: Logger = {};
  #warned: ClientAuth | undefined;
  /** What ends each watch, by what is watched for what. */
  readonly #watches: Map<string, () => Promise<void>> = new Map();
  /** The last looks of watches that were ended. */
  readonly #ending: Set<Promise<void>> = new Set();
  readonly #admitted: WeakMap<TLSSocket, ClientAuth> = new WeakMap();
  #changing: Promise<unknown> = Promise.resolve();

  private constructor(inForce: InForce) {
    this.#inForce = inForce;
  }

  /**
   * Checks what the runtime would take as it is, and then fail of at every
   * handshake.
   *
   * @throws {TlsError} If a certificate or a key is not what a server needs.
   */
  static async load(setup: TlsSetup): Promise<NodeTls> {
    return new NodeTls(await resolve(setup));
  }

  /** What a server begins with. */
  options(handshakeTimeout: number): ServerOptions {
    const { setup, auth } = this.#inForce;
    return {
      ...auth?.tlsOptions,
      ...contextOptions(this.#inForce, setup.chain),
      handshakeTimeout,
      ALPNProtocols: ["http/1.1"],
      // It costs 12 KiB a connection, used or not.
      ...(setup.certificates && {
        SNICallback: (name: string, chosen: Chosen) =>
          chosen(null, this.#contextFor(name)),
      }),
    };
  }

  /** What tells the authorities in force from others. */
  get authorities(): string | undefined {
    return this.#inForce.auth?.id;
  }

  /**
   * Lets in who shows a good certificate, before a request is read.
   *
   * @param rulesOf What tells the authorities that were in force when a
   * connection came: the runtime asks those, also after a change.
   */
  guard(
    server: Server,
    rulesOf: (socket: TLSSocket) => string | undefined,
  ): void {
    server.prependListener("secureConnection", (socket: TLSSocket) => {
      const { auth } = this.#inForce;
      if (auth === undefined) return;
      const why = rulesOf(socket) === auth.id
        ? auth.refuse(socket)
        : "its handshake was begun under other authorities";
      if (why === undefined) return void this.#admitted.set(socket, auth);
      const from = printable(socket.remoteAddress ?? "");
      this.#logger.debug?.(`cut a client from ${from}: ${printable(why)}`);
      if (auth.outdated(new Date())) this.#warnOnce(auth);
      socket.destroy();
    });
  }

  /** Whether what a client showed still counts: rules may have changed since. */
  accepts(socket: Socket): boolean {
    const { auth } = this.#inForce;
    const tls = socket as TLSSocket;
    return auth === undefined ||
      this.#admitted.get(tls) === auth && auth.refuse(tls) === undefined;
  }

  /** The client's certificate, verified. */
  certificateOf(socket: Socket): PeerCertificate | undefined {
    const tls = socket as TLSSocket;
    return this.#admitted.get(tls)?.certificateOf(tls);
  }

  /** Sees to the server's TLS from now on, and tells what is wrong with it. */
  attend(server: Server, { onfail, logger }: Told): void {
    this.#server = server;
    this.#onfail = onfail;
    this.#logger = logger;
    server.on(
      "tlsClientError",
      (error: Error, { remoteAddress = "" }: Socket) => {
        const from = printable(remoteAddress);
        logger.debug?.(
          `a TLS handshake with ${from} failed: ${printable(error.message)}`,
        );
      },
    );
    this.#attendTo();
  }

  /** A list that has run out keeps all out, which should not stay unnoticed. */
  #warnOnce(auth: ClientAuth): void {
    if (this.#warned === auth) return;
    this.#warned = auth;
    this.#logger.warn?.(
      "a revocation list has expired: clients of its authority are refused until reload({ crl }) takes the next",
    );
  }

  /** Looks after the certificates in force. */
  #attendTo(): void {
    this.#watch();
    this.#checkNames().catch(this.#onfail);
  }

  /** Warns of certificates that clients will refuse for the name they are shown for. */
  async #checkNames(): Promise<void> {
    const { certificates = {} } = this.#inForce.setup;
    for (const [name, { cert }] of Object.entries(certificates)) {
      if (await coversHost(cert, name)) continue;
      const names = (await certificateNames(cert)).join(", ");
      this.#logger.warn?.(
        `the certificate that is shown for ${name} is for ${
          names || "no name at all"
        }: clients will refuse it`,
      );
    }
  }

  /**
   * Takes other certificates, from the next handshake on.
   *
   * @throws {TlsError} If one is not what a server needs; then nothing changes.
   */
  change(change: TlsChange): Promise<void> {
    const done = this.#changing.then(async () => {
      const before = this.#inForce;
      if (change.certificates && !before.setup.certificates) {
        throw new TypeError(
          "Cannot reload certificates: the server was started without, and does not look at the name that a client asks for; start it with certificates: {} to add some later",
        );
      }
      const asks = change.clientCa ?? change.crl;
      if (asks !== undefined && before.auth === undefined) {
        throw new TypeError(
          "Cannot reload clientCa and crl: the server was started without clientCa, and asks clients for no certificate",
        );
      }
      const keep = asks === undefined ? before.auth : undefined;
      const inForce = await resolve({ ...before.setup, ...change }, keep);
      // What is left out here falls back to the runtime's default.
      this.#server?.setSecureContext(
        contextOptions(inForce, inForce.setup.chain),
      );
      this.#inForce = inForce;
      this.#attendTo();
    });
    this.#changing = done.catch(() => {});
    return done;
  }

  /** Looks after nothing any more. */
  async stop(): Promise<void> {
    this.#server = undefined;
    this.#watch();
    await Promise.all(this.#ending);
  }

  #contextFor(name: string): SecureContext | undefined {
    const { byName } = this.#inForce;
    const asked = name.toLowerCase();
    return byName.get(asked) ?? byName.get(asked.replace(/^[^.]+/, "*"));
  }

  /** Begins and ends watches, as the certificates in force ask for. */
  #watch(): void {
    const { chain, certificates = {}, watchInterval } = this.#inForce.setup;
    const wanted = new Map<string, () => () => Promise<void>>();
    const want = (
      name: string | undefined,
      { files, ...pair }: CertChain,
    ) => {
      if (files === undefined || watchInterval === undefined) return;
      const onchange = (chain: CertChain) => this.change(changed(name, chain));
      const onfail = this.#onfail;
      wanted.set(
        JSON.stringify([name, files]),
        () =>
          watchChain({ ...pair, files }, watchInterval, { onchange, onfail }),
      );
    };
    const changed = (name: string | undefined, chain: CertChain): TlsChange => {
      if (name === undefined) return { chain };
      const { certificates } = this.#inForce.setup;
      return { certificates: { ...certificates, [name]: chain } };
    };
    if (this.#server !== undefined) {
      want(undefined, chain);
      for (const [name, one] of Object.entries(certificates)) want(name, one);
    }
    for (const [key, stop] of this.#watches) {
      if (wanted.has(key)) continue;
      this.#watches.delete(key);
      const end = stop();
      this.#ending.add(end);
      end.then(() => this.#ending.delete(end));
    }
    for (const [key, start] of wanted) {
      if (!this.#watches.has(key)) this.#watches.set(key, start());
    }
  }
}

async function resolve(
  setup: TlsSetup,
  before?: ClientAuth,
): Promise<InForce> {
  const { clientCa, clientAuth = "require", crl } = setup;
  const auth = clientCa === undefined || before !== undefined
    ? before
    : await loadAuth({ clientCa, crl, require: clientAuth === "require" });
  const chain = await checkCertChain("cert and key", setup.chain);
  const certificates: Record<string, CertChain> = {};
  for (const [name, chain] of Object.entries(setup.certificates ?? {})) {
    const what = `certificates[${JSON.stringify(name)}]`;
    certificates[asciiName(name)] = await checkCertChain(what, chain);
  }
  const checked = setup.certificates && { certificates };
  const rules = { setup: { ...setup, chain, ...checked }, auth };
  const contexts = Object.entries(certificates).map((
    [name, chain],
  ): [string, SecureContext] => [
    name,
    createSecureContext(contextOptions(rules, chain)),
  ]);
  return { ...rules, byName: new Map(contexts) };
}

/** A name as clients send it (RFC 6066, section 3): never an address. */
function asciiName(name: string): string {
  try {
    const { type, name: ascii } = parseHost(name);
    if (type === "dns") return ascii;
  } catch {
    // Told below.
  }
  throw new TypeError(
    `Cannot use certificates: ${
      JSON.stringify(name)
    } is no DNS name, and clients ask for nothing else`,
  );
}

/** What reads certificates is loaded only where clients show some. */
async function loadAuth(rules: ClientAuthRules): Promise<ClientAuth> {
  const { ClientAuth } = await import("../tls/client_auth.ts");
  return await ClientAuth.load(rules);
}

/** The runtime takes these from the context that was chosen, and only there. */
function contextOptions(
  { setup: { minVersion = "TLSv1.2" }, auth }: Omit<InForce, "byName">,
  { cert, key }: CertChain,
): ServerOptions {
  return { cert, key, minVersion, ...(auth && { ca: auth.tlsOptions.ca }) };
}
