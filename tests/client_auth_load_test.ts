import { assertEquals, assertRejects } from "@std/assert";
import { TlsError } from "../src/errors.ts";
import { ClientAuth, type ClientAuthRules } from "../src/tls/client_auth.ts";
import { forge, forgeCrl } from "./_certs.ts";
import { authority, DAY, PAST } from "./_client_auth.ts";

const KEY_CERT_SIGN = 32;
const CRL_SIGN = 64;

const wrong = async (
  rules: Partial<ClientAuthRules>,
  reason: TlsError["reason"],
  message: string,
): Promise<void> => {
  const clientCa = rules.clientCa ?? [(await authority()).cert];
  const error = await assertRejects(
    () => ClientAuth.load({ require: true, ...rules, clientCa }),
    TlsError,
    message,
  );
  assertEquals(error.reason, reason);
};

Deno.test("load() refuses authorities that are none", async () => {
  const load = (clientCa: string[]) =>
    ClientAuth.load({ clientCa, require: true });
  await assertRejects(
    () => load([]),
    TypeError,
    "Cannot use clientCa: it must",
  );
  await assertRejects(
    () => load([1 as unknown as string]),
    TypeError,
    "Cannot use clientCa[0]: it must be a PEM text",
  );
  const { cert } = await authority();
  const bad: [text: string, reason: TlsError["reason"], message: string][] = [
    ["", "no-certificate", "there is no CERTIFICATE block"],
    ["certs/ca.pem", "no-certificate", "there is no CERTIFICATE block"],
    [cert.replace(/-----END.*/, ""), "malformed-pem", "block is broken"],
    [cert.replace(/\nM/, "\n*"), "malformed-pem", "block is broken"],
    [cert.replace(/\nM.*/, ""), "malformed-pem", "holds no certificate"],
    [(await authority({ version1: true })).cert, "not-a-ca", "X.509 version 1"],
    [(await forge()).cert, "not-a-ca", "CA:FALSE"],
    [
      (await authority({ keyUsage: CRL_SIGN })).cert,
      "not-a-ca",
      "lacks keyCertSign",
    ],
  ];
  for (const [text, reason, message] of bad) {
    await wrong({ clientCa: [cert, text] }, reason, "Cannot use clientCa[1]: ");
    await wrong({ clientCa: [cert, text] }, reason, message);
  }
});

Deno.test("load() refuses an authority that is not valid now", async () => {
  const { cert } = await authority(PAST);
  await wrong(
    { clientCa: [cert] },
    "expired",
    "the certificate of CN=Clients is not valid now",
  );
  const notBefore = new Date(Date.now() + DAY);
  const { cert: later } = await authority({ notBefore });
  await wrong({ clientCa: [later] }, "not-yet-valid", "this machine's clock");
  const { cert: good } = await authority();
  await wrong({ clientCa: [good, cert] }, "expired", "leave it out");
});

Deno.test("load() refuses revocation lists that it can't rely on", async () => {
  const issuer = await authority();
  const clientCa = [issuer.cert];
  const crl = await forgeCrl({ issuer });
  await assertRejects(
    () => ClientAuth.load({ clientCa, crl: [], require: true }),
    TypeError,
    "Cannot use crl: it must be a list",
  );
  const signer = await authority({ keyUsage: KEY_CERT_SIGN });
  const list = async (options: Partial<Parameters<typeof forgeCrl>[0]>) => [
    await forgeCrl({ issuer, ...options }),
  ];
  const bad: [crl: string[], reason: TlsError["reason"], message: string][] = [
    [[issuer.cert], "malformed-pem", "there is no X509 CRL block"],
    [[crl.replace(/\nM.*/, "")], "malformed-pem", "holds no revocation list"],
    [
      await list({ nextUpdate: new Date(Date.now() - 1000) }),
      "expired",
      "has expired",
    ],
    [
      await list({ thisUpdate: new Date(Date.now() + DAY) }),
      "not-yet-valid",
      "is not valid before",
    ],
    [await list({ nextUpdate: null }), "other", "until when it is good"],
    [await list({ partial: true }), "other", "is not a full one"],
    [await list({ issuer: await authority() }), "unknown-issuer", "not signed"],
  ];
  for (const [crl, reason, message] of bad) {
    await wrong({ clientCa, crl }, reason, message);
  }
  await wrong(
    { clientCa: [signer.cert], crl: await list({ issuer: signer }) },
    "unknown-issuer",
    "not signed by one of clientCa that may sign lists",
  );
  await ClientAuth.load({ clientCa, crl: [crl], require: true });
});

Deno.test("load() refuses an authority that another one has revoked", async () => {
  const ca = await authority();
  const middle = await forge({ issuer: ca, ca: true, subject: "CN=Middle" });
  const crl = [await forgeCrl({ issuer: ca, revoked: [middle.cert] })];
  await wrong({ clientCa: [ca.cert, middle.cert], crl }, "other", "revoked");
});
