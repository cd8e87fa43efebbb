/**
 * What becomes of what a command throws: a line on standard error, and an exit
 * code.
 *
 * @module
 */

import { CommanderError, InvalidArgumentError } from "commander";
// Types only: the classes would load the client with every start of the command.
import type {
  ConnectionClosedError,
  HandshakeError,
  NetworkError,
  TlsError,
  TlsErrorReason,
} from "../../client.ts";
import { ExitCode, exitCodeOfClose } from "./exit_code.ts";
import { printError } from "./output.ts";
import { missingFlag } from "./permissions.ts";

/** A command line that cannot be understood. */
export class UsageError extends Error {
  /** The name of the class. */
  override name = "UsageError";
}

/** Ends the command with a code; whatever there is to say has been said. */
export class Exit extends Error {
  /** The name of the class. */
  override name = "Exit";
  /** The exit code. */
  readonly code: ExitCode;

  /** @param code The exit code. */
  constructor(code: ExitCode) {
    super(`Exit ${code}`);
    this.code = code;
  }
}

/** What mends what a certificate was refused for, for whoever types commands. */
export type TlsRemedies = Readonly<Partial<Record<TlsErrorReason, string>>>;

/** The remedies of most commands; for other reasons the error tells its own. */
const TLS_REMEDIES: TlsRemedies = {
  "unknown-issuer": "trust that authority by --cacert FILE",
  "client-certificate-required": "show one that it accepts by --cert FILE",
  "client-certificate-refused": "show one that it accepts by --cert FILE",
  "name-mismatch":
    "connect to a name that it has, by --resolve NAME:PORT:ADDRESS if need be, or make one for this name with `wss cert --force NAME`",
  "no-private-key": "name the file that holds it by --key FILE",
};

/** Whose failure is told. */
export interface Failing {
  /** The command, such as `serve`. */
  name: string;
  /** Its remedies, if they are others than {@linkcode TLS_REMEDIES}. */
  tlsRemedies?: TlsRemedies | undefined;
}

/** Says what failed, if that was not said, and tells the exit code. */
export function report(
  error: unknown,
  { name, tlsRemedies = TLS_REMEDIES }: Failing,
): ExitCode {
  if (error instanceof Exit) return error.code;
  if (error instanceof CommanderError) {
    // Help and version are no failures; the rest commander has said.
    return error.exitCode === 0 ? ExitCode.Ok : ExitCode.Usage;
  }
  const code = exitCodeOf(error);
  printError(`error: ${describe(error, tlsRemedies)}`);
  if (code === ExitCode.Usage) printError(`Try \`wss ${name} --help\``);
  return code;
}

/** The errors of `connect()` and `serve()`, by their names, which are literal. */
interface NamedErrors {
  ConnectionClosedError: ConnectionClosedError;
  HandshakeError: HandshakeError;
  NetworkError: NetworkError;
  TlsError: TlsError;
}

function isNamed<Name extends keyof NamedErrors>(
  error: unknown,
  name: Name,
): error is NamedErrors[Name] {
  return error instanceof Error && error.name === name;
}

/** The exit code for what was thrown. */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof UsageError || error instanceof InvalidArgumentError) {
    return ExitCode.Usage;
  }
  if (error instanceof Deno.errors.NotCapable) return ExitCode.Permission;
  if (isNamed(error, "NetworkError") || isAddressFault(error)) {
    return ExitCode.Network;
  }
  if (isNamed(error, "TlsError")) return ExitCode.Tls;
  if (isNamed(error, "HandshakeError")) return ExitCode.Http;
  if (isNamed(error, "ConnectionClosedError")) {
    return exitCodeOfClose(error.code) || ExitCode.Closed;
  }
  if (error instanceof DOMException) {
    if (error.name === "TimeoutError") return ExitCode.Timeout;
    if (error.name === "AbortError") return ExitCode.Interrupted;
  }
  return ExitCode.Failure;
}

/** Whether an address to listen on cannot be had. */
function isAddressFault(error: unknown): boolean {
  return error instanceof Deno.errors.AddrInUse ||
    error instanceof Deno.errors.AddrNotAvailable;
}

/** What an error says, with the flag that mends it. */
function describe(error: unknown, remedies: TlsRemedies): string {
  const message = messageOf(error);
  if (isNamed(error, "TlsError")) {
    const remedy = remedies[error.reason] ?? inCommands(error.remedy);
    return message.replace(error.remedy, () => remedy);
  }
  if (!(error instanceof Deno.errors.NotCapable)) return message;
  const missing = missingFlag(message);
  if (missing === undefined) return message;
  return `this program may not ${missing.what}; run it with ${missing.flag}`;
}

/** A remedy of the module, with commands in place of its programs. */
function inCommands(remedy: string): string {
  return remedy
    .replace(/ \(in the module's own checkout: `[^`]+`\)/, "")
    .replace(/deno run -RW jsr:@wss\/wss\/certs/g, "wss cert");
}

/** What an error says, or anything else that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
