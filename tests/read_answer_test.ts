import { assert, assertEquals } from "@std/assert";
import { type Answered, readAnswer } from "../src/client/read_answer.ts";

const encoder = new TextEncoder();

/** Reads an answer that comes in such parts, and then ends. */
async function read(...parts: (string | Uint8Array)[]): Promise<Answered> {
  const left = parts.map((part) =>
    typeof part === "string" ? encoder.encode(part) : part
  );
  return await readAnswer(() => Promise.resolve(left.shift() ?? null));
}

async function bodyOf(head: string, body: string): Promise<string> {
  const answered = await read(`HTTP/1.1 403 No\r\n${head}\r\n\r\n${body}`);
  assert(answered.kind === "answer");
  return answered.body;
}

Deno.test("readAnswer() reads a head, however it is cut", async () => {
  const text =
    "HTTP/1.1 403 Not you\r\nServer: x\r\nset-cookie: a\r\nSet-Cookie:b \r\nContent-Length: 2\r\n\r\nno";
  const whole = await read(text);
  assert(whole.kind === "answer");
  assertEquals(whole.status, 403);
  assertEquals(whole.statusText, "Not you");
  assertEquals(whole.headers.getSetCookie(), ["a", "b"]);
  assertEquals(whole.body, "no");
  const pieces = await read(...text);
  assert(pieces.kind === "answer");
  assertEquals({ ...pieces, headers: [...pieces.headers] }, {
    ...whole,
    headers: [...whole.headers],
  });
});

Deno.test("readAnswer() takes every byte in the values of headers", async () => {
  const others = Array.from({ length: 256 }, (_, byte) => byte)
    .filter((byte) => ![0, 10, 13].includes(byte));
  const answered = await read(
    "HTTP/1.1 401 ",
    Uint8Array.of(0x80, 0xff),
    "\r\nX: <",
    Uint8Array.from(others),
    ">\r\nWWW-Authenticate: Basic\r\n\r\n",
  );
  assert(answered.kind === "answer");
  assertEquals(answered.statusText, "\x80\xff");
  const value = String.fromCharCode(...others);
  assertEquals(answered.headers.get("x"), `<${value}>`);
  assertEquals(answered.headers.get("www-authenticate"), "Basic");
});

Deno.test("readAnswer() passes interim answers over", async () => {
  const answered = await read(
    "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 \r\n\r\nHTTP/1.1 404\r\n\r\n",
  );
  assert(answered.kind === "answer");
  assertEquals([answered.status, answered.statusText], [404, ""]);
});

Deno.test("readAnswer() reads no body behind 101", async () => {
  const answered = await read("HTTP/1.1 101 Go\r\n\r\n\x81\x02hi");
  assert(answered.kind === "answer");
  assertEquals(answered.body, "");
});

Deno.test("readAnswer() takes for foreign what is no HTTP/1.1", async () => {
  const foreign = [
    "* OK IMAP4rev1 ready\r\n",
    "HTTP/2 200\r\n\r\n",
    "HTTP/1.1 20 OK\r\n\r\n",
    "HTTP/1.1 999 OK\r\n\r\n",
    "HTTP/1.1 200 OK\nA: b\n\n\r\n\r\n",
    "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
    "HTTP/1.1 200 OK\r\na : b\r\n\r\n",
    "HTTP/1.1 200 OK\r\na: b\r\n folded\r\n\r\n",
    "HTTP/1.1 200 OK\r\na: b\0\r\n\r\n",
    "HTTP/1.1 200 OK\r\n: b\r\n\r\n",
  ];
  for (const text of foreign) {
    assertEquals((await read(text)).kind, "foreign", JSON.stringify(text));
  }
  const record = await read(Uint8Array.of(21, 3, 3, 0, 2, 2, 70));
  assert(record.kind === "foreign");
  assertEquals(record.start[0], 21);
});

Deno.test("readAnswer() tells where an answer was cut", async () => {
  for (const text of ["", "HTT", "HTTP/1.1 200 OK\r\nServer"]) {
    const answered = await read(text);
    assert(answered.kind === "cut");
    assertEquals(new TextDecoder().decode(answered.start), text);
  }
  const interim = await read("HTTP/1.1 100 Go on\r\n\r\n");
  assert(interim.kind === "cut" && interim.start.length === 0);
});

Deno.test("readAnswer() reads at most 16 KiB of heads", async () => {
  let served = 0;
  const chunk = encoder.encode(`a: ${"b".repeat(1000)}\r\n`);
  const answered = await readAnswer(() => {
    served++;
    return Promise.resolve(
      served === 1 ? encoder.encode("HTTP/1.1 200 OK\r\n") : chunk,
    );
  });
  assertEquals(answered.kind, "endless");
  assert(served < 20, `${served}`);
  const hints = encoder.encode("HTTP/1.1 103 Hints\r\n\r\n".repeat(40));
  const again = await readAnswer(() => {
    served++;
    return Promise.resolve(hints);
  });
  assertEquals(again.kind, "endless");
  assert(served < 50, `${served}`);
});

Deno.test("readAnswer() reads bodies of a length, in chunks and up to the end", async () => {
  assertEquals(await bodyOf("Content-Length: 4", "body, and more"), "body");
  assertEquals(await bodyOf("Content-Length: 99", "body"), "body");
  assertEquals(await bodyOf("X: y", "body"), "body");
  assertEquals(
    await bodyOf(
      "Transfer-Encoding: Chunked",
      "2;ext=1\r\nbo\r\n2\r\ndy\r\n0\r\n\r\nmore",
    ),
    "body",
  );
  assertEquals(
    await bodyOf("Transfer-Encoding: chunked", "2\r\nbo\r\n9\r\nd"),
    "bod",
  );
  assertEquals(
    await bodyOf("Transfer-Encoding: chunked", "2\r\nbo\r\nzz\r\nd"),
    "bo",
  );
  assertEquals(await bodyOf("Transfer-Encoding: gzip, chunked", "0"), "");
});

Deno.test("readAnswer() keeps 1,024 bytes of a body, and nothing that is no text", async () => {
  const long = "x".repeat(5000);
  assertEquals((await bodyOf("X: y", long)).length, 1024);
  assertEquals((await bodyOf("Content-Length: 5000", long)).length, 1024);
  const chunks = `1388\r\n${long}\r\n0\r\n\r\n`;
  const framed = await bodyOf("Transfer-Encoding: chunked", chunks);
  assertEquals(framed.length, 1024);
  // Cut within a character.
  assertEquals((await bodyOf("X: y", `x${"é".repeat(600)}`)).length, 512);
  assertEquals(await bodyOf("X: y", "a\0b"), "");
  assertEquals(await bodyOf("Content-Encoding: gzip", "body"), "");
  const binary = await read(
    "HTTP/1.1 403 No\r\n\r\n",
    Uint8Array.of(0x89, 0x50, 0xff, 0xfe),
  );
  assert(binary.kind === "answer");
  assertEquals(binary.body, "");
});

Deno.test("readAnswer() gives up a body that does not come", async () => {
  const parts = ["HTTP/1.1 403 No\r\nContent-Length: 9\r\n\r\nbo"];
  const { promise, resolve } = Promise.withResolvers<null>();
  const answered = await readAnswer(() => {
    const part = parts.shift();
    return part === undefined ? promise : Promise.resolve(encoder.encode(part));
  });
  assert(answered.kind === "answer");
  assertEquals(answered.body, "bo");
  resolve(null);
});
