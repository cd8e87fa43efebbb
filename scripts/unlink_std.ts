/**
 * Takes the local stand-ins for `@std` out of a checkout that is about to be
 * released: `links` and the folder of the same name go, so that the released
 * module resolves `@std` from JSR. It changes the working copy; the release
 * workflow runs it on its own.
 *
 * @module
 */

const config = JSON.parse(await Deno.readTextFile("deno.json"));
delete config.links;
config.publish.include = config.publish.include.filter((path: string) =>
  path !== "links"
);
await Deno.writeTextFile("deno.json", `${JSON.stringify(config, null, 2)}\n`);
await Deno.remove("links", { recursive: true });
// It holds no hashes of what comes from JSR; the release makes its own.
await Deno.remove("deno.lock");
console.log("Unlinked: @std now comes from JSR");
