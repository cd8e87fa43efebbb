import { assertEquals } from "@std/assert";
import { Outlet, type Sink } from "../../src/cli/serve/outlet.ts";

/** Takes bytes when it is let, and fails when it is told. */
class Reader implements Sink {
  text = "";
  fails = false;
  /** How many bytes it takes at a time. */
  most = Infinity;
  #gate: PromiseWithResolvers<void> | undefined;

  async write(bytes: Uint8Array): Promise<number> {
    await this.#gate?.promise;
    if (this.fails) throw new Deno.errors.BrokenPipe("Broken pipe");
    const taken = bytes.slice(0, this.most);
    this.text += new TextDecoder().decode(taken);
    return taken.length;
  }

  stall(): void {
    this.#gate = Promise.withResolvers();
  }

  goOn(): void {
    this.#gate?.resolve();
    this.#gate = undefined;
  }
}

function lost(lines: number): string {
  return `${lines} lost`;
}

Deno.test("Outlet.put() writes lines in their order, to whoever takes a few bytes at a time", async () => {
  const reader = new Reader();
  reader.most = 3;
  const outlet = new Outlet(reader, lost);
  for (const line of ["one", "two", "Zoë"]) outlet.put(line);
  await outlet.flush();
  outlet.put("four");
  await outlet.flush();
  assertEquals(reader.text, "one\ntwo\nZoë\nfour\n");
});

Deno.test("Outlet.put() keeps 1 MiB for a reader that stalls, and tells how much it dropped", async () => {
  const reader = new Reader();
  reader.stall();
  const outlet = new Outlet(reader, lost);
  const line = "x".repeat(1023);
  for (let count = 0; count < 2000; count++) outlet.put(line);
  reader.goOn();
  await outlet.flush();
  outlet.put("after");
  await outlet.flush();
  const kept = `${line}\n`.repeat(1024);
  assertEquals(reader.text, `${kept}976 lost\nafter\n`);
});

Deno.test("Outlet.put() writes again once what could not be written can", async () => {
  const reader = new Reader();
  const outlet = new Outlet(reader, lost);
  reader.fails = true;
  outlet.put("one");
  await outlet.flush();
  for (let count = 0; count < 9; count++) {
    outlet.put("more");
    await outlet.flush();
  }
  reader.fails = false;
  outlet.put("two");
  await outlet.flush();
  assertEquals(reader.text, "10 lost\ntwo\n");
});

Deno.test("Outlet.flush() does not wait for ever", async () => {
  const reader = new Reader();
  reader.stall();
  const outlet = new Outlet(reader, lost);
  outlet.put("one");
  await outlet.flush();
  assertEquals(reader.text, "");
  reader.goOn();
  await outlet.flush();
  assertEquals(reader.text, "one\n");
});
