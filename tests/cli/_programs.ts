/**
 * Programs from outside that tests want.
 *
 * @module
 */

/** Whether a program is not installed; under CI it has to be, and the test fails. */
export function lacks(program: string): boolean {
  try {
    new Deno.Command(program, {
      args: ["-c", "exit"],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).outputSync();
    return false;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    if (Deno.env.get("CI") === "true") return false;
    console.log(`Tests with ${program} are left out: it is not installed`);
    return true;
  }
}
