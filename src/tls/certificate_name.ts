/**
 * Writes the names in certificates as text.
 *
 * @module
 */

import { AsnConvert } from "@peculiar/asn1-schema";
import type {
  AttributeTypeAndValue,
  AttributeValue,
  Name,
} from "@peculiar/asn1-x509";
import { parseHost } from "./host.ts";

/** The attribute types that have a short name (RFC 4514 section 3). */
const SHORT_NAMES: Readonly<Record<string, string>> = {
  "2.5.4.3": "CN",
  "2.5.4.6": "C",
  "2.5.4.7": "L",
  "2.5.4.8": "ST",
  "2.5.4.9": "STREET",
  "2.5.4.10": "O",
  "2.5.4.11": "OU",
  "0.9.2342.19200300.100.1.1": "UID",
  "0.9.2342.19200300.100.1.25": "DC",
};

const encoder = new TextEncoder();

/**
 * Writes a distinguished name as RFC 4514 says: the most specific part first,
 * and whatever could be taken for something else escaped. A type without a short
 * name is given by its number, its value then by its bytes in hexadecimal, as is
 * a value that has no certain text.
 */
export function formatName(name: Name): string {
  return name.map((attributes) => attributes.map(formatAttribute).join("+"))
    .reverse().join(",");
}

/**
 * Writes one of the other names of a subject: `"DNS:…"`, `"IP:…"`, `"URI:…"` or
 * `"email:…"`.
 *
 * @returns `undefined` for a name of another kind, and for one that is no printable ASCII.
 */
export function formatOtherName(
  { type, value }: { type: string; value: string },
): string | undefined {
  const kind = ({ dns: "DNS", ip: "IP", url: "URI", email: "email" } as Record<
    string,
    string
  >)[type];
  if (kind === undefined || !/^[\x21-\x7e]+$/.test(value)) return undefined;
  return `${kind}:${type === "ip" ? parseHost(value).name : value}`;
}

function formatAttribute({ type, value }: AttributeTypeAndValue): string {
  const name = SHORT_NAMES[type];
  const text = name === undefined ? undefined : textOf(value);
  if (text !== undefined) return `${name}=${escape(text)}`;
  const bytes = new Uint8Array(AsnConvert.serialize(value));
  return `${name ?? type}=#${bytes.toHex()}`;
}

/** The text of a string; `undefined` for what is none, or has no certain meaning. */
function textOf(value: AttributeValue): string | undefined {
  const { utf8String, bmpString, printableString, ia5String } = value;
  const text = utf8String ?? bmpString;
  // What was no Unicode became a replacement character.
  if (text !== undefined) return text.includes("\ufffd") ? undefined : text;
  const ascii = printableString ?? ia5String;
  return ascii !== undefined && /^[\0-\x7f]*$/.test(ascii) ? ascii : undefined;
}

/** What could mislead a program is escaped, and what could mislead an eye. */
function escape(text: string): string {
  return text
    .replace(/["+,;<>\\]|^[ #]| $/g, "\\$&")
    .replace(
      /[\p{C}\p{Zl}\p{Zp}]/gu,
      (character) => encoder.encode(character).toHex().replace(/../g, "\\$&"),
    );
}
