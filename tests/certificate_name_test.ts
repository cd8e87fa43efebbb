import { assert, assertEquals } from "@std/assert";
import { canonicalName } from "../src/authorize/distinguished_name.ts";
import "reflect-metadata";
import { AsnConvert } from "@peculiar/asn1-schema";
import { Name } from "@peculiar/asn1-x509";
import {
  formatName as formatParsed,
  formatOtherName,
} from "../src/tls/certificate_name.ts";

/** Writes a name in DER. */
function formatName(der: Uint8Array<ArrayBuffer>): string {
  return formatParsed(AsnConvert.parse(der, Name));
}

/** An element in DER, of fewer than 128 bytes. */
function element(tag: number, ...content: number[]): number[] {
  return [tag, content.length, ...content];
}

function text(value: string): number[] {
  return [...new TextEncoder().encode(value)];
}

const OID = {
  CN: [0x55, 4, 3],
  C: [0x55, 4, 6],
  O: [0x55, 4, 10],
  OU: [0x55, 4, 11],
  DC: [0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x19],
  email: [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1],
};

function attribute(type: keyof typeof OID, value: string | number[]): number[] {
  const string = typeof value === "string"
    ? element(0x0c, ...text(value))
    : value;
  return element(0x30, ...element(0x06, ...OID[type]), ...string);
}

/** A name, of parts that have one attribute or more. */
function name(...parts: number[][][]): Uint8Array<ArrayBuffer> {
  const sets = parts.map((attributes) => element(0x31, ...attributes.flat()));
  return Uint8Array.from(element(0x30, ...sets.flat()));
}

function common(value: string | number[]): string {
  return formatName(name([attribute("CN", value)]));
}

Deno.test("formatName() begins with the most specific part", () => {
  const der = name(
    [attribute("C", element(0x13, ...text("DE")))],
    [attribute("O", "Example")],
    [attribute("OU", "Sales"), attribute("CN", "J. Smith")],
  );
  assertEquals(formatName(der), "OU=Sales+CN=J. Smith,O=Example,C=DE");
  assertEquals(formatName(name([attribute("DC", "test")])), "DC=test");
  assertEquals(formatName(name()), "");
});

Deno.test("formatName() escapes what could be taken for something else", () => {
  const written: [value: string, text: string][] = [
    ["Ada,O=Admin", "CN=Ada\\,O=Admin"],
    ["Ada+OU=Admin", "CN=Ada\\+OU=Admin"],
    ['a"b\\c;d<e>f', 'CN=a\\"b\\\\c\\;d\\<e\\>f'],
    [" Ada ", "CN=\\ Ada\\ "],
    [" ", "CN=\\ "],
    ["#41", "CN=\\#41"],
    ["a\0b\nc\x7f", "CN=a\\00b\\0Ac\\7F"],
    ["a\u202eb\u2028c\ufeff", "CN=a\\E2\\80\\AEb\\E2\\80\\A8c\\EF\\BB\\BF"],
    ["Zoë 😀", "CN=Zoë 😀"],
    ["", "CN="],
  ];
  for (const [value, text] of written) {
    assertEquals(common(value).toLowerCase(), text.toLowerCase());
  }
});

Deno.test("formatName() writes what clientCertificate() reads as one name, and as no other", () => {
  const values = ["Ada,O=Admin", "a\0b", " Ada ", "#41", "a\\2cb", "Zoë\u202e"];
  const canonical = values.map((value) => canonicalName(common(value)));
  assert(canonical.every((name) => name !== undefined));
  assertEquals(
    canonical.map((name) => JSON.parse(name ?? "")),
    values.map((value) => [[`CN=${value}`]]),
  );
});

Deno.test("formatName() gives the bytes of what has no certain text", () => {
  const latin = element(0x14, 0x5a, 0x6f, 0xeb); // A T61String.
  assertEquals(common(latin), "CN=#14035a6feb");
  assertEquals(common(element(0x13, 0xe9)), "CN=#1301e9");
  assertEquals(common(element(0x1e, 0x00, 0x41, 0x20, 0xac)), "CN=A€");
  assertEquals(
    formatName(name([attribute("email", element(0x16, ...text("a@b")))])),
    "1.2.840.113549.1.9.1=#1603614062",
  );
});

Deno.test("formatOtherName() writes DNS names, addresses, URIs and mailboxes, and leaves the rest out", () => {
  const other = (type: string, value: string) =>
    formatOtherName({ type, value });
  assertEquals(other("dns", "Sensor-7.example"), "DNS:Sensor-7.example");
  assertEquals(other("email", "ada@example.com"), "email:ada@example.com");
  assertEquals(other("url", "spiffe://example/a"), "URI:spiffe://example/a");
  assertEquals(other("ip", "192.0.2.1"), "IP:192.0.2.1");
  assertEquals(other("ip", "2001:db8:0:0:0:0:0:1"), "IP:2001:db8::1");
  for (
    const [type, value] of [
      ["dns", "a\0.example"],
      ["dns", "a.example,DNS:b.example\n"],
      ["dns", ""],
      ["dn", "CN=ada"],
    ] as const
  ) assertEquals(other(type, value), undefined);
});
