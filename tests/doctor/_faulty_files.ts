/**
 * Files of certificates and keys with one fault each, of the file or the key.
 *
 * @module
 */

import { createPrivateKey, X509Certificate } from "node:crypto";
import { ensureDevCertificates } from "../../certs/mod.ts";
import { forge } from "../_certs.ts";
import {
  crowded,
  type Faulty,
  one,
  type Place,
  threeLevels,
  WINDOWS,
} from "./_setups.ts";

/** Files that can't be used, and keys. */
export const FAULTY_FILES: readonly Faulty[] = [
  {
    name: "no such file",
    make: (place) => Promise.resolve({ paths: [`${place.path}/no.pem`] }),
    blames: ["file", "failure"],
    says: "is not there",
  },
  {
    name: "a link to what is gone",
    make: async (place) => {
      const path = `${place.path}/fullchain.pem`;
      await Deno.symlink("../archive/fullchain7.pem", path);
      return { paths: [path] };
    },
    blames: ["file", "failure"],
    says: "is a link to ../archive/fullchain7.pem",
  },
  {
    name: "an empty file",
    make: (place) => one(place, ""),
    blames: ["file-format", "failure"],
    says: "is empty",
  },
  {
    name: "DER",
    make: async (place) => {
      const { cert } = await forge();
      return await one(place, new Uint8Array(new X509Certificate(cert).raw));
    },
    blames: ["file-format", "failure"],
    says: "is a certificate in DER",
    fixes: /^openssl x509 -inform der -in /,
  },
  {
    name: "PKCS #12",
    openssl: true,
    make: async (place) => {
      const { cert, key } = await forge();
      await place.write("both.pem", cert + key);
      await place.openssl(
        ...["pkcs12", "-export", "-in", "both.pem", "-out", "server.p12"],
        ...["-passout", "pass:x"],
      );
      return { paths: [`${place.path}/server.p12`] };
    },
    blames: ["file-format", "failure"],
    says: "is PKCS #12",
    fixes: /openssl pkcs12 -in /,
  },
  {
    name: "two files put together without a line end between",
    make: async (place) => {
      const { cert, key } = await forge();
      return await one(place, cert.trimEnd() + key);
    },
    blames: ["file-format", "failure"],
    says: "in one line",
    fixes: /awk/,
  },
  {
    name: "a certificate that is cut off",
    make: async (place) => {
      const { cert, key } = await forge();
      return await one(place, key + cert.slice(0, 300));
    },
    blames: ["file-format", "failure"],
    says: "a CERTIFICATE block that has no end",
  },
  {
    name: "a certificate with garbage in it",
    make: async (place) => {
      const { cert, key } = await forge();
      return await one(place, cert.replace(/\n(.{10})/, "\n$1*") + key);
    },
    blames: ["file-format", "failure"],
    says: "a CERTIFICATE block that is not base64",
  },
  {
    name: "a certificate that can't be read before its authority's",
    make: async (place) => {
      const { middle, leaf } = await threeLevels();
      const damaged = leaf.cert.replace(/\n.{9}/, "\nAAAAAAAAA");
      return await one(place, damaged + middle.cert + leaf.key);
    },
    blames: ["file-format", "failure"],
    says: "a CERTIFICATE block that holds no certificate",
  },
  {
    name: "an authority's certificate that can't be read",
    make: async (place) => {
      const { middle, leaf } = await threeLevels();
      const damaged = middle.cert.replace(/\n.{9}/, "\nAAAAAAAAA");
      return await one(place, leaf.cert + damaged + leaf.key);
    },
    blames: ["file-format", "failure"],
    says: "a CERTIFICATE block that holds no certificate",
  },
  {
    name: "a certificate of ten thousand names",
    make: async (place) => {
      const { cert, key } = await crowded();
      return await one(place, cert + key);
    },
    blames: ["file-format", "failure"],
    says: "a CERTIFICATE block that is too large to be read here",
  },
  {
    name: "a byte order mark",
    make: async (place) => {
      const { cert, key } = await forge();
      return await one(place, `\uFEFF${cert}${key}`);
    },
    blames: ["file-format", "warning"],
    says: "byte order mark",
    fixes: /tail -c \+4/,
  },
  {
    name: "a certificate request",
    openssl: true,
    make: async (place) => {
      await place.openssl(
        ...["req", "-new", "-newkey", "ec", "-nodes", "-keyout", "key.pem"],
        ...["-pkeyopt", "ec_paramgen_curve:P-256", "-subj", "/CN=localhost"],
        ...["-out", "server.csr"],
      );
      const key = `${place.path}/key.pem`;
      return { paths: [`${place.path}/server.csr`], options: { keyFile: key } };
    },
    blames: ["file-format", "failure"],
    says: "has a certificate request",
  },
  {
    name: "a directory without certificates",
    make: (place) => Promise.resolve({ paths: [place.path] }),
    blames: ["certificate", "failure"],
    says: "there is no certificate in",
  },
  {
    name: "the directory above those with certificates",
    make: async (place) => {
      await Deno.mkdir(`${place.path}/chat.test`);
      await Deno.writeTextFile(`${place.path}/README`, "hello");
      return { paths: [place.path] };
    },
    blames: ["certificate", "failure"],
    says: "there is no certificate in",
  },
  {
    name: "no key",
    make: async (place) => await one(place, (await forge()).cert),
    blames: ["private-key", "failure"],
    says: "there is no private key for",
  },
  {
    name: "no key, and the authority's beside it",
    make: async (place) => {
      await ensureDevCertificates({ directory: place.path });
      const path = `${place.path}/localhost.pem`;
      const text = await Deno.readTextFile(path);
      const end = text.indexOf("-----BEGIN PRIVATE KEY-----");
      await Deno.writeTextFile(path, text.slice(0, end));
      await Deno.remove(`${place.path}/ca.pem`);
      return { paths: [place.path] };
    },
    blames: ["private-key", "failure"],
    says: "there is no private key for",
  },
  {
    name: "the certificate named as the key, too",
    make: async (place) => {
      const path = await place.write("server.pem", (await forge()).cert);
      return { paths: [path], options: { keyFile: path } };
    },
    blames: ["private-key", "failure"],
    says: "there is no private key in",
  },
  {
    name: "certificate and key swapped",
    make: async (place) => {
      const { cert, key } = await forge();
      return {
        paths: [await place.write("a.pem", key)],
        options: { keyFile: await place.write("b.pem", cert) },
      };
    },
    blames: ["certificate", "failure"],
    says: "a.pem has the key, and",
  },
  {
    name: "another certificate's key",
    make: async (place) =>
      await one(place, (await forge()).cert + (await forge()).key),
    blames: ["key-match", "failure"],
    says: "is not that of the certificate",
  },
  {
    name: "another's key beside it, by its name",
    make: async (place) => {
      await place.write("chat.crt", (await forge()).cert);
      await place.write("chat.key", (await forge()).key);
      return { paths: [place.path] };
    },
    blames: ["key-match", "failure"],
    says: "chat.key is not that of",
  },
  {
    name: "an encrypted key",
    openssl: true,
    make: async (place) => {
      await place.selfSigned("-addext", "subjectAltName=DNS:localhost");
      await place.openssl(
        ...["pkey", "-in", "key.pem", "-aes256", "-passout", "pass:x"],
        ...["-out", "locked.pem"],
      );
      await Deno.remove(`${place.path}/key.pem`);
      return { paths: [place.path] };
    },
    blames: ["private-key", "failure"],
    says: "is encrypted",
    fixes: /openssl pkey -in /,
  },
  {
    name: "a key of OpenSSH's form",
    make: async (place) => {
      const { cert } = await forge();
      const key =
        "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n";
      return await one(place, cert + key);
    },
    blames: ["file-format", "failure"],
    says: "OpenSSH",
    fixes: /ssh-keygen -p -m PKCS8/,
  },
  {
    name: "a curve that TLS in Deno does not take",
    openssl: true,
    make: async (place) => {
      await place.selfSigned(
        ...["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp256k1"],
        ...["-addext", "subjectAltName=DNS:localhost"],
      );
      return { paths: [place.path] };
    },
    blames: ["private-key", "failure"],
    says: "EC K-256",
  },
  ...WINDOWS ? [] : [
    {
      name: "a key that everybody may read",
      make: async (place: Place) => {
        const { cert, key } = await forge();
        return { paths: [await place.write("server.pem", cert + key, 0o644)] };
      },
      blames: ["key-permissions", "failure"],
      says: "every user of this machine may read",
      fixes: /^chmod 600 /,
    } satisfies Faulty,
  ],
  {
    name: "a key in DER",
    make: async (place) => {
      const { cert, key } = await forge();
      const der = createPrivateKey(key).export({ format: "der", type: "sec1" });
      return {
        paths: [await place.write("server.pem", cert)],
        options: {
          keyFile: await place.write("server.key", new Uint8Array(der)),
        },
      };
    },
    blames: ["file-format", "failure"],
    says: "is a private key in DER",
    fixes: /openssl pkey -inform der -in /,
  },
  {
    name: "PKCS #7",
    openssl: true,
    make: async (place) => {
      const { cert, key } = await forge();
      await place.write("one.pem", cert);
      await place.openssl(
        ...[
          "crl2pkcs7",
          "-nocrl",
          "-certfile",
          "one.pem",
          "-out",
          "server.p7b",
        ],
      );
      const path = `${place.path}/server.p7b`;
      return {
        paths: [path],
        options: { keyFile: await place.write("server.key", key) },
      };
    },
    blames: ["file-format", "failure"],
    says: "has its certificates in a PKCS7 block",
    fixes: /openssl pkcs7 -in /,
  },
  {
    name: "a text in UTF-16",
    make: async (place) => {
      const { cert, key } = await forge();
      const units = Uint16Array.from(
        `\uFEFF${cert}${key}`,
        (char) => char.charCodeAt(0),
      );
      return await one(place, new Uint8Array(units.buffer));
    },
    blames: ["file-format", "failure"],
    says: "is text in UTF-16",
    fixes: /iconv -f UTF-16/,
  },
  {
    name: "a BEGIN line that was moved in",
    make: async (place) => {
      const { cert, key } = await forge();
      return await one(place, `  ${cert}${key}`);
    },
    blames: ["file-format", "failure"],
    says: "has a BEGIN line that is not just",
  },
  {
    name: "an RSA key of 1024 bits",
    openssl: true,
    make: async (place) => {
      await place.selfSigned(
        ...["-newkey", "rsa:1024", "-addext", "subjectAltName=DNS:localhost"],
      );
      return { paths: [place.path] };
    },
    blames: ["private-key", "failure"],
    says: "is RSA 1024, which clients refuse",
  },
];
