/**
 * Files of certificates and keys as servers are given them: as they
 * should be.
 *
 * @module
 */

import { generateKeyPairSync, X509Certificate } from "node:crypto";
import type { LintOptions } from "../../src/doctor/lint.ts";
import { createAuthority, issueCertificate } from "../../src/tls/authority.ts";
import type { CertChain } from "../../src/tls/pem.ts";
import { devCertificates, forge } from "../_certs.ts";

export const WINDOWS: boolean = Deno.build.os === "windows";

/** The purposes of a server and of a client. */
export const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";
export const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";

/** What an authority's key is for. */
export const CERT_SIGN = 0x20;

/** Where a set-up is made. */
export class Place {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** Writes a file: one with a key for its owner alone, unless told otherwise. */
  async write(
    name: string,
    text: string | Uint8Array,
    mode = 0o600,
  ): Promise<string> {
    const path = `${this.path}/${name}`;
    const bytes = typeof text === "string"
      ? new TextEncoder().encode(text)
      : text;
    await Deno.writeFile(path, bytes);
    if (!WINDOWS) await Deno.chmod(path, mode);
    return path;
  }

  async openssl(...args: string[]): Promise<void> {
    const { success, stderr } = await new Deno.Command("openssl", {
      args,
      cwd: this.path,
      stdin: "null",
    }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
  }

  /** A certificate of openssl's, cert.pem, that signed itself, with key.pem. */
  async selfSigned(...more: string[]): Promise<void> {
    const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
    await this.openssl(
      ...["req", "-x509", "-nodes", "-days", "90", "-subj", "/CN=localhost"],
      ...more.some((word) => word === "-newkey" || word === "-key") ? [] : key,
      ...["-out", "cert.pem", "-addext", "basicConstraints=critical,CA:FALSE"],
      ...more.includes("-key") ? [] : ["-keyout", "key.pem"],
      ...more,
    );
  }
}

/** What is examined. */
export interface Given {
  paths: string[];
  options?: LintOptions;
}

/** A set-up with one fault. */
export interface Faulty {
  name: string;
  /** Whether openssl makes it. */
  openssl?: true;
  make(place: Place): Promise<Given>;
  /** The check that must be blamed, and how badly; nothing else may be. */
  blames: [check: string, verdict: "failure" | "warning"];
  /** What must be in the summary, and what in the command lines. */
  says: string;
  fixes?: RegExp;
}

/** A root, an authority below it, and a server's certificate of that. */
export async function threeLevels(): Promise<
  { root: CertChain; middle: CertChain; leaf: CertChain }
> {
  const authority = { ca: true, names: ["ca.test"], keyUsage: CERT_SIGN };
  const root = await forge({ ...authority, subject: "CN=Root" });
  const middle = await forge({
    ...authority,
    subject: "CN=Middle",
    issuer: root,
  });
  const leaf = await forge({ issuer: middle });
  return { root, middle, leaf };
}

/** A certificate of so many names that it is not read here. */
export async function crowded(): Promise<CertChain> {
  const names = Array.from({ length: 10_000 }, () => [0x82, 1, 0x61]).flat();
  const size = [0x83, 0, names.length >> 8, names.length & 0xff];
  return await forge({
    names: [],
    extension: {
      id: "2.5.29.17",
      critical: false,
      value: [0x30, ...size, ...names],
    },
  });
}

/** A file with a chain, and its key last. */
export async function one(
  place: Place,
  text: string | Uint8Array,
  options?: LintOptions,
): Promise<Given> {
  const path = await place.write("server.pem", text);
  return { paths: [path], ...options && { options } };
}

export const HEALTHY: readonly {
  name: string;
  /** Whether openssl makes it. */
  openssl?: true;
  make(place: Place): Promise<Given>;
}[] = [
  {
    name: "what ensureDevCertificates() makes",
    make: async () => {
      const { dir } = await devCertificates();
      return {
        paths: [dir],
        options: { names: ["localhost", "::1"], caFiles: [`${dir}/ca.pem`] },
      };
    },
  },
  {
    name: "a certificate of openssl's that signed itself",
    openssl: true,
    make: async (place) => {
      await place.selfSigned("-addext", "subjectAltName=DNS:localhost");
      return { paths: [place.path] };
    },
  },
  {
    name: "an authority of openssl's and a certificate of that",
    openssl: true,
    make: async (place) => {
      await place.openssl(
        ...["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "900"],
        ...["-subj", "/CN=Root", "-keyout", "ca.tmp", "-out", "ca.pem"],
      );
      await place.openssl(
        ...["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "90"],
        ...["-CA", "ca.pem", "-CAkey", "ca.tmp", "-subj", "/CN=chat.test"],
        ...["-addext", "basicConstraints=critical,CA:FALSE"],
        ...["-addext", "subjectAltName=DNS:chat.test,DNS:*.chat.test"],
        ...["-addext", "extendedKeyUsage=serverAuth"],
        ...["-keyout", "chat.key", "-out", "chat.crt"],
      );
      await Deno.remove(`${place.path}/ca.tmp`);
      return { paths: [place.path], options: { names: ["a.chat.test"] } };
    },
  },
  {
    name: "certbot's links",
    make: async (place) => {
      const { root, middle, leaf } = await threeLevels();
      await Deno.mkdir(`${place.path}/live`);
      await Deno.mkdir(`${place.path}/archive`);
      const files = {
        cert: leaf.cert,
        chain: middle.cert,
        fullchain: leaf.cert + middle.cert,
        privkey: leaf.key,
      };
      for (const [name, text] of Object.entries(files)) {
        await place.write(`archive/${name}1.pem`, text);
        await Deno.symlink(
          `../archive/${name}1.pem`,
          `${place.path}/live/${name}.pem`,
        );
      }
      await place.write("live/README", "This directory contains your keys");
      const caFiles = [await place.write("root.pem", root.cert)];
      return { paths: [`${place.path}/live`], options: { caFiles } };
    },
  },
  {
    name: "a directory that has the same in other forms, and a key of others",
    make: async (place) => {
      const { cert, key } = await forge();
      await place.write("server.pem", cert + key);
      const der = new X509Certificate(cert).raw;
      await place.write("server.der", new Uint8Array(der));
      await place.write("account.key", (await forge()).key);
      await Deno.symlink("nowhere.pem", `${place.path}/old.pem`);
      return { paths: [place.path] };
    },
  },
  {
    name: "two servers' pairs and a client's certificate in one directory",
    make: async (place) => {
      for (const name of ["a", "b"]) {
        const { cert, key } = await forge({
          names: [`${name}.test`],
          purposes: [SERVER_AUTH],
        });
        await place.write(`${name}.crt`, cert);
        await place.write(`${name}.key`, key);
      }
      const client = await forge({ purposes: [CLIENT_AUTH] });
      await place.write("robot.pem", client.cert + client.key);
      return { paths: [place.path], options: { names: ["b.test"] } };
    },
  },
  {
    name: "line ends of Windows, text between blocks, keys of other forms",
    openssl: true,
    make: async (place) => {
      const { privateKey } = generateKeyPairSync("rsa", {
        modulusLength: 2048,
      });
      const key = privateKey.export({ type: "pkcs1", format: "pem" });
      await place.write("key.pem", `Bag Attributes\n${key}`);
      await place.selfSigned(
        ...["-key", "key.pem", "-addext", "subjectAltName=DNS:localhost"],
      );
      const path = `${place.path}/cert.pem`;
      const text = await Deno.readTextFile(path);
      await Deno.writeTextFile(
        path,
        `subject=x\n${text}`.replaceAll("\n", "\r\n"),
      );
      return { paths: [path], options: { keyFile: `${place.path}/key.pem` } };
    },
  },
  {
    name: "a root that is named nowhere, where clients are told of it",
    make: async (place) => {
      const authority = await createAuthority({ hosts: ["chat.test"] });
      const { cert, key } = await issueCertificate(authority, {
        hosts: ["chat.test"],
      });
      const caFiles = [await place.write("trusted.pem", authority.cert)];
      return await one(
        place,
        cert.slice(0, cert.indexOf("-----END ") + 26) + key,
        {
          caFiles,
          names: ["chat.test"],
        },
      );
    },
  },
];
