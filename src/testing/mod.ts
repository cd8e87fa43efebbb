/**
 * For those who test programs that use WebSockets: certificates, good ones and
 * bad, servers that misbehave, and a network that fails on command.
 *
 * @example A client whose server does not answer
 * ```ts
 * import { connect } from "@wss/wss";
 * import { misbehave } from "@wss/wss/testing";
 *
 * await using server = await misbehave({ kind: "unanswered" });
 * const options = { ...server.client, openTimeout: 200 };
 * const error = await connect(server.url, options).catch((error) => error);
 * console.log(error.name); // "TimeoutError"
 * ```
 *
 * @module
 */

export type { Behaviour, ClientBehaviour } from "./behaviour.ts";
export {
  type CertificateFault,
  type ClientCertificateFault,
  type TestCertificates,
  testCertificates,
  type TestCertificatesOptions,
  type TestClientCertificate,
  testClientCertificate,
  type TestClientCertificateOptions,
} from "./certificates.ts";
export {
  misbehave,
  type MisbehaveOptions,
  MisbehavingServer,
} from "./misbehave.ts";
export { MisbehavingClient, pester, type PesterOptions } from "./pester.ts";
export { Relay, relay } from "./relay.ts";
export type { WaitOptions } from "./waiting.ts";
