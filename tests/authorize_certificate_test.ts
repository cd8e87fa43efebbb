import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import {
  clientCertificate,
  type ClientCertificateOptions,
} from "../src/authorize/client_certificate.ts";
import { canonicalName } from "../src/authorize/distinguished_name.ts";
import type { PeerCertificate } from "../src/tls/peer_certificate.ts";
import { answerOf, decide, refusal } from "./_authorize.ts";

const FINGERPRINT = "0123456789abcdef".repeat(4);
const peerCertificate: PeerCertificate = {
  subject: "CN=sensor-7,OU=Attic+L=Berlin,O=Example\\, Inc.",
  issuer: "CN=Example CA",
  names: ["DNS:sensor-7.example", "IP:2001:db8::7", "URI:spiffe://Example/7"],
  serialNumber: "0a",
  fingerprint: FINGERPRINT,
  validFrom: new Date(0),
  validTo: new Date(1e13),
  pem: "",
};

/** Whether the certificate above is let in. */
function admits(options: ClientCertificateOptions): boolean {
  const verdict = decide(clientCertificate(options), { peerCertificate });
  return verdict === peerCertificate;
}

/** A fingerprint as openssl prints it. */
function withColons(fingerprint: string): string {
  return fingerprint.toUpperCase().match(/../g)!.join(":");
}

Deno.test("clientCertificate() lets in a listed certificate, which becomes the context", async () => {
  const authorize = clientCertificate({ fingerprints: [FINGERPRINT] });
  assertStrictEquals(decide(authorize, { peerCertificate }), peerCertificate);
  const other = { ...peerCertificate, fingerprint: "f".repeat(64) };
  assertEquals(await refusal(authorize, { peerCertificate: other }), {
    status: 403,
    challenge: null,
    body: "This client certificate may not connect\n",
  });
});

Deno.test("clientCertificate() answers 403 where there is no certificate", async () => {
  const authorize = clientCertificate({ names: ["DNS:sensor-7.example"] });
  const answer = await answerOf(authorize);
  assertEquals(answer.status, 403);
  assertEquals(answer.body, "A client certificate is required\n");
});

Deno.test("clientCertificate() takes fingerprints in upper case and with colons", () => {
  for (
    const fingerprint of [
      FINGERPRINT,
      FINGERPRINT.toUpperCase(),
      withColons(FINGERPRINT),
    ]
  ) {
    assertEquals(admits({ fingerprints: ["0".repeat(64), fingerprint] }), true);
  }
  assertEquals(admits({ fingerprints: ["0".repeat(64)] }), false);
});

Deno.test("clientCertificate() compares subjects whatever their spaces and escapes", () => {
  for (
    const [subject, same] of [
      [peerCertificate.subject, true],
      ["cn=sensor-7, ou = Attic + l=Berlin, o=Example\\2c Inc.", true],
      ["CN=sensor\\2D7,L=Berlin+OU=Attic,O=Example\\, Inc\\2e", true],
      ["CN=Sensor-7,OU=Attic+L=Berlin,O=Example\\, Inc.", false],
      ["O=Example\\, Inc.,OU=Attic+L=Berlin,CN=sensor-7", false],
      ["CN=sensor-7,OU=Attic,L=Berlin,O=Example\\, Inc.", false],
      ["CN=sensor-7", false],
    ] as const
  ) {
    assertEquals([subject, admits({ subjects: [subject] })], [subject, same]);
  }
});

Deno.test("clientCertificate() compares names by their type, and * with itself alone", () => {
  for (
    const [name, same] of [
      ["DNS:sensor-7.example", true],
      ["DNS:Sensor-7.EXAMPLE", true],
      ["IP:2001:db8:0:0:0:0:0:7", true],
      ["URI:spiffe://Example/7", true],
      ["URI:spiffe://example/7", false],
      ["DNS:*.example", false],
      ["DNS:sensor-8.example", false],
      ["email:sensor-7.example", false],
      ["URI:sensor-7.example", false],
      ["IP:2001:db8::8", false],
    ] as const
  ) {
    assertEquals([name, admits({ names: [name] })], [name, same]);
  }
});

Deno.test("clientCertificate() asks for a match in each list, and for one in a list", () => {
  const subjects = ["CN=x", peerCertificate.subject];
  const names = ["DNS:x", "DNS:sensor-7.example"];
  const fingerprints = [FINGERPRINT];
  assertEquals(admits({ subjects, names, fingerprints }), true);
  assertEquals(admits({ subjects: ["CN=x"], names, fingerprints }), false);
  assertEquals(admits({ subjects, names: ["DNS:x"], fingerprints }), false);
  const other = ["0".repeat(64)];
  assertEquals(admits({ subjects, names, fingerprints: other }), false);
});

Deno.test("clientCertificate() lets in nobody whose certificate cannot be read", () => {
  const authorize = clientCertificate({ subjects: ["CN=x"], names: ["DNS:x"] });
  const odd = { ...peerCertificate, subject: "", names: ["x", "other:x"] };
  const verdict = decide(authorize, { peerCertificate: odd });
  assertEquals(verdict instanceof Response && verdict.status, 403);
});

Deno.test("clientCertificate() refuses lists that are missing, empty or malformed", () => {
  for (
    const [options, says] of [
      [{}, "fingerprints, subjects or names"],
      [{ fingerprints: [] }, "fingerprints: it must be a list"],
      [{ subjects: [] }, "subjects: it must be a list"],
      [{ names: [], fingerprints: [FINGERPRINT] }, "names: it must be a list"],
      [{ names: "DNS:x" }, "names: it must be a list"],
      [{ fingerprints: [FINGERPRINT.slice(1)] }, "fingerprints[0]"],
      [{ fingerprints: [FINGERPRINT, "f".repeat(40)] }, "fingerprints[1]"],
      [{ fingerprints: [`${withColons(FINGERPRINT)}:`] }, "fingerprints[0]"],
      [{ fingerprints: [5] }, "fingerprints[0]"],
      [{ subjects: ["sensor-7"] }, "subjects[0]"],
      [{ subjects: [""] }, "subjects[0]"],
      [{ subjects: ["CN=a;O=b"] }, "subjects[0]"],
      [{ names: ["sensor-7.example"] }, "names[0]"],
      [{ names: ["DNS:"] }, "names[0]"],
      [{ names: ["dns:x"] }, "names[0]"],
      [{ names: ["IP:example"] }, "names[0]"],
    ] as const
  ) {
    assertThrows(
      () => clientCertificate(options as unknown as ClientCertificateOptions),
      TypeError,
      says,
    );
  }
});

Deno.test("canonicalName() brings equal names into one form", () => {
  for (
    const [one, another] of [
      ["CN=a,O=b", " cn = a , o=b "],
      ["CN=Zo\\C3\\AB", "CN=Zoë"],
      ["CN=\\ a\\ ", "CN=\\20a\\20"],
      ["CN=\\#a", "CN=\\23a"],
      ["CN=#04024869", "cn=#04024869"],
      ["A=1+B=2", "B=2 + A=1"],
      ["1.2.3=x", "1.2.3 = x"],
      ["CN=", "CN= "],
    ] as const
  ) {
    assertEquals(typeof canonicalName(one), "string");
    assertEquals(canonicalName(one), canonicalName(another));
  }
});

Deno.test("canonicalName() keeps different names apart", () => {
  const names = [
    "CN=a,O=b",
    "O=b,CN=a",
    "CN=a\\,O=b",
    "CN=a+O=b",
    "CN=a\\+O=b",
    "CN=a",
    "CN=A",
    "CN=a\\ ",
    "CN=\\ a",
    "CN=#61",
    "CN=\\#61",
    'CN=a\\"\\,\\"O=b',
  ];
  assertEquals(new Set(names.map(canonicalName)).size, names.length);
});

Deno.test("canonicalName() takes nothing malformed for a name", () => {
  for (
    const name of [
      "",
      "a",
      "=a",
      "CN=a,",
      ",CN=a",
      "CN=a,,O=b",
      'CN="a"',
      "CN=a<b",
      "CN=a\\",
      "CN=a\\zz",
      "CN=\\ff",
      "CN=#6",
      "CN=#",
      "CN=a\0",
      "C N=a",
      "/CN=a",
    ]
  ) {
    assertEquals([name, canonicalName(name)], [name, undefined]);
  }
});
