/**
 * Files of certificates and keys with one fault each, of the certificates.
 *
 * @module
 */

import { ensureDevCertificates } from "../../certs/mod.ts";
import { createAuthority } from "../../src/tls/authority.ts";
import { forge } from "../_certs.ts";
import {
  CERT_SIGN,
  CLIENT_AUTH,
  type Faulty,
  one,
  type Place,
  SERVER_AUTH,
  threeLevels,
} from "./_setups.ts";

const DAY = 86_400_000;
const AIA = "authorityInfoAccess=caIssuers;URI:http://ca.test/r1.crt";

const forged =
  (options: Parameters<typeof forge>[0]) => async (place: Place) => {
    const { cert, key } = await forge(options);
    return await one(place, cert + key);
  };

/** Certificates that clients do not take. */
export const FAULTY_CHAINS: readonly Faulty[] = [
  {
    name: "the issuer first",
    make: async (place) => {
      const { root, middle, leaf } = await threeLevels();
      const caFiles = [await place.write("root.pem", root.cert)];
      return await one(place, middle.cert + leaf.cert + leaf.key, { caFiles });
    },
    blames: ["chain-order", "failure"],
    says: "CN=localhost, is not the first",
    fixes: /printf "%s%s%s", b\[2\], b\[1\], b\[3\]/,
  },
  {
    name: "those above in the wrong order",
    make: async (place) => {
      const { root, middle, leaf } = await threeLevels();
      return await one(place, leaf.cert + root.cert + middle.cert + leaf.key);
    },
    blames: ["chain-order", "warning"],
    says: "not in their order",
    fixes: /b\[1\], b\[3\], b\[2\], b\[4\]/,
  },
  {
    name: "the issuer left out, and clients known to trust the root",
    make: async (place) => {
      const { root, leaf } = await threeLevels();
      const caFiles = [await place.write("root.pem", root.cert)];
      return await one(place, leaf.cert + leaf.key, { caFiles });
    },
    blames: ["chain-complete", "failure"],
    says: "CN=Middle is missing",
  },
  {
    name: "the issuer left out, and where it is in the certificate",
    openssl: true,
    make: async (place) => {
      const { middle } = await threeLevels();
      await place.write("ca.pem", middle.cert);
      await place.write("ca.key", middle.key);
      await place.openssl(
        ...["req", "-new", "-newkey", "ec", "-nodes", "-keyout", "key.pem"],
        ...["-pkeyopt", "ec_paramgen_curve:P-256", "-subj", "/CN=chat.test"],
        ...["-addext", "subjectAltName=DNS:chat.test", "-addext", AIA],
        ...["-out", "c.csr"],
      );
      await place.openssl(
        ...[
          "x509",
          "-req",
          "-in",
          "c.csr",
          "-CA",
          "ca.pem",
          "-CAkey",
          "ca.key",
        ],
        ...["-CAcreateserial", "-days", "60", "-copy_extensions", "copyall"],
        ...["-out", "cert.pem"],
      );
      const key = `${place.path}/key.pem`;
      return { paths: [`${place.path}/cert.pem`], options: { keyFile: key } };
    },
    blames: ["chain-complete", "failure"],
    says: "CN=Middle is missing",
    fixes: /^curl -fsS http:\/\/ca\.test\/r1\.crt \|/,
  },
  {
    name: "the issuer in a file of its own, which servers do not send",
    make: async (place) => {
      const { middle, leaf } = await threeLevels();
      await place.write("cert.pem", leaf.cert);
      await place.write("chain.pem", middle.cert);
      await place.write("privkey.pem", leaf.key);
      return { paths: [place.path] };
    },
    blames: ["chain-complete", "failure"],
    says: "CN=Middle, who issued CN=localhost, is in",
    fixes: /^\{ echo; cat \S+chain\.pem; \} >> \S+cert\.pem$/,
  },
  {
    name: "an issuer that nobody knows",
    make: async (place) => {
      const { leaf } = await threeLevels();
      return await one(place, leaf.cert + leaf.key);
    },
    blames: ["chain-complete", "warning"],
    says: "its last certificate is of CN=Middle",
  },
  {
    name: "an authority of the right name that has not signed",
    make: async (place) => {
      const { root, middle, leaf } = await threeLevels();
      const other = await threeLevels();
      const caFiles = [await place.write("root.pem", root.cert)];
      const text = leaf.cert + middle.cert + other.middle.cert + leaf.key;
      return await one(place, text, { caFiles });
    },
    blames: ["chain-surplus", "warning"],
    says: "CN=Middle is in it, and not in the chain",
  },
  {
    name: "a certificate twice",
    make: async (place) => {
      const { cert, key } = await forge();
      return await one(place, cert + cert + key);
    },
    blames: ["chain-surplus", "warning"],
    says: "more than once",
    fixes: /b\[1\], b\[3\]/,
  },
  {
    name: "an authority that others do not trust",
    make: async (place) => {
      const { root, middle, leaf } = await threeLevels();
      const caFiles = [await place.write("o.pem", (await forge()).cert)];
      const text = leaf.cert + middle.cert + root.cert + leaf.key;
      return await one(place, text, { caFiles });
    },
    blames: ["chain-complete", "failure"],
    says: "it leads to CN=Root, whom clients are not said to trust",
  },
  {
    name: "an issuer that is no authority",
    make: async (place) => {
      const issuer = await forge({ subject: "CN=Nobody" });
      const leaf = await forge({ issuer });
      return await one(place, leaf.cert + issuer.cert + leaf.key);
    },
    blames: ["chain-authority", "failure"],
    says: "CN=Nobody is no authority's",
  },
  {
    name: "an issuer whose time is over",
    make: async (place) => {
      const { root } = await threeLevels();
      const middle = await forge({
        ...{ ca: true, issuer: root, subject: "CN=Old", keyUsage: CERT_SIGN },
        notBefore: new Date(Date.now() - 9 * DAY),
        notAfter: new Date(Date.now() - 2 * DAY),
      });
      const leaf = await forge({ issuer: middle });
      const caFiles = [await place.write("root.pem", root.cert)];
      return await one(place, leaf.cert + middle.cert + leaf.key, { caFiles });
    },
    blames: ["certificate-validity", "failure"],
    says: "CN=Old has expired 2 days ago",
  },
  {
    name: "names that the authority may not vouch for",
    make: async (place) => {
      const authority = await createAuthority({ hosts: ["good.test"] });
      const leaf = await forge({ issuer: authority, names: ["evil.test"] });
      return await one(place, leaf.cert + authority.cert + leaf.key);
    },
    blames: ["name-constraints", "failure"],
    says: "may not vouch for evil.test",
  },
  {
    name: "an authority's certificate as the server's own",
    make: forged({ ca: true }),
    blames: ["certificate-authority", "failure"],
    says: "CA:TRUE",
    fixes: /openssl req -x509 /,
  },
  {
    name: "a common name, and no other",
    openssl: true,
    make: async (place) => {
      await place.selfSigned();
      return { paths: [place.path] };
    },
    blames: ["certificate-names", "failure"],
    says: "has no names",
    fixes: /openssl req -x509 .*subjectAltName=DNS:localhost/,
  },
  {
    name: "a name that is wanted, and not there",
    make: async (place) => {
      const { cert, key } = await forge();
      return await one(place, cert + key, { names: ["localhost", "a.test"] });
    },
    blames: ["certificate-names", "failure"],
    says: "no certificate is for a.test",
    fixes: /subjectAltName=DNS:localhost,DNS:a\.test /,
  },
  {
    name: "a client's certificate",
    make: forged({ purposes: [CLIENT_AUTH] }),
    blames: ["certificate-purpose", "failure"],
    says: "extendedKeyUsage lacks serverAuth",
  },
  {
    name: "a name that our own certificate is not for",
    make: async (place) => {
      await ensureDevCertificates({ directory: `${place.path}/our certs` });
      return {
        paths: [`${place.path}/our certs`],
        options: { names: ["chat.test"] },
      };
    },
    blames: ["certificate-names", "failure"],
    says: "no certificate is for chat.test",
    fixes: /^wss cert --force --out '\/\S+\/our certs' chat\.test$/,
  },
  {
    name: "certbot's certificate that soon expires",
    make: async (place) => {
      const live = `${place.path}/letsencrypt/live/chat.test`;
      await Deno.mkdir(live, { recursive: true });
      const { cert, key } = await forge({
        notBefore: new Date(Date.now() - 80 * DAY),
      });
      await place.write("letsencrypt/live/chat.test/fullchain.pem", cert);
      await place.write("letsencrypt/live/chat.test/privkey.pem", key);
      return { paths: [live] };
    },
    blames: ["certificate-validity", "warning"],
    says: "is valid for 9 days more",
    fixes: /^certbot renew --cert-name chat\.test$/,
  },
  {
    name: "a damaged key beside its certificate",
    make: async (place) => {
      const { cert, key } = await forge();
      await place.write("chat.crt", cert);
      await place.write("chat.key", key.slice(0, 90));
      return { paths: [place.path] };
    },
    blames: ["file-format", "failure"],
    says: "a PRIVATE KEY block that has no end",
  },
  {
    name: "an expired certificate",
    make: forged({
      notBefore: new Date(Date.now() - 9 * DAY),
      notAfter: new Date(Date.now() - 1000),
    }),
    blames: ["certificate-validity", "failure"],
    says: "has expired today",
  },
  {
    name: "an expired certificate of a client's beside the server's",
    make: async (place) => {
      const server = await forge({ purposes: [SERVER_AUTH] });
      const client = await forge({
        ...{ purposes: [CLIENT_AUTH], subject: "CN=robot" },
        notAfter: new Date(Date.now() - 1000),
      });
      await place.write("server.pem", server.cert + server.key);
      await place.write("robot.pem", client.cert + client.key);
      return { paths: [place.path] };
    },
    blames: ["certificate-validity", "warning"],
    says: "the client's certificate has expired today",
  },
  {
    name: "a certificate of tomorrow",
    make: forged({ notBefore: new Date(Date.now() + DAY) }),
    blames: ["certificate-validity", "failure"],
    says: "is not valid before",
  },
  {
    name: "a certificate that soon expires",
    make: forged({
      notBefore: new Date(Date.now() - 80 * DAY),
      notAfter: new Date(Date.now() + 4.5 * DAY),
    }),
    blames: ["certificate-validity", "warning"],
    says: "is valid for 4 days more",
  },
  {
    name: "a certificate for years",
    make: forged({ notAfter: new Date(Date.now() + 1000 * DAY) }),
    blames: ["certificate-lifetime", "warning"],
    says: "is made for 1001 days",
  },
  {
    name: "a signature with SHA-1",
    openssl: true,
    make: async (place) => {
      await place.openssl(
        ...["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "90"],
        ...["-subj", "/CN=Old Root", "-keyout", "ca.key", "-out", "ca.pem"],
      );
      await place.openssl(
        ...["req", "-new", "-newkey", "ec", "-nodes", "-keyout", "key.pem"],
        ...["-pkeyopt", "ec_paramgen_curve:P-256", "-subj", "/CN=localhost"],
        ...["-addext", "subjectAltName=DNS:localhost", "-out", "c.csr"],
      );
      await place.openssl(
        ...[
          "x509",
          "-req",
          "-in",
          "c.csr",
          "-CA",
          "ca.pem",
          "-CAkey",
          "ca.key",
        ],
        ...["-CAcreateserial", "-sha1", "-copy_extensions", "copyall"],
        ...["-days", "60", "-out", "cert.pem"],
      );
      return {
        paths: [`${place.path}/cert.pem`],
        options: {
          keyFile: `${place.path}/key.pem`,
          caFiles: [`${place.path}/ca.pem`],
        },
      };
    },
    blames: ["certificate-signature", "failure"],
    says: "SHA-1",
  },
  {
    name: "the authority's key in the server's file",
    make: async (place) => {
      const { root, middle, leaf } = await threeLevels();
      const text = leaf.cert + middle.cert + root.cert + leaf.key + middle.key;
      return await one(place, text);
    },
    blames: ["authority-key", "warning"],
    says: "it has the private key of the authority",
  },
  {
    name: "a key that may not sign",
    make: forged({ keyUsage: 0x04 }),
    blames: ["certificate-purpose", "failure"],
    says: "keyUsage lacks digitalSignature",
  },
  {
    name: "an authority that may have none below it, and has",
    make: async (place) => {
      const ca = { ca: true, keyUsage: CERT_SIGN };
      const root = await forge({ ...ca, subject: "CN=Short", pathLength: 0 });
      const middle = await forge({ ...ca, subject: "CN=Low", issuer: root });
      const leaf = await forge({ issuer: middle });
      return await one(place, leaf.cert + middle.cert + root.cert + leaf.key);
    },
    blames: ["chain-authority", "failure"],
    says: "CN=Short may have 0 authorities below it, and has 1",
  },
  {
    name: "an authority for clients only",
    make: async (place) => {
      const { root } = await threeLevels();
      const middle = await forge({
        ...{ ca: true, subject: "CN=Clients", issuer: root },
        ...{ keyUsage: CERT_SIGN, purposes: [CLIENT_AUTH] },
      });
      const leaf = await forge({ issuer: middle });
      return await one(place, leaf.cert + middle.cert + root.cert + leaf.key);
    },
    blames: ["chain-authority", "failure"],
    says: "CN=Clients may not issue for servers",
  },
];
