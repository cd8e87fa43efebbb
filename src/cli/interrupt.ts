/**
 * Ctrl-C and its like.
 *
 * @module
 */

/**
 * Listens for Ctrl-C and for a wish to end of the system.
 *
 * @param heard Told how many times there was one.
 * @returns Listens no more.
 */
export function onInterrupt(heard: (times: number) => void): () => void {
  const signals: Deno.Signal[] = Deno.build.os === "windows"
    ? ["SIGINT", "SIGBREAK"]
    : ["SIGINT", "SIGTERM"];
  let times = 0;
  const listen = () => heard(++times);
  for (const signal of signals) Deno.addSignalListener(signal, listen);
  return () => {
    for (const signal of signals) Deno.removeSignalListener(signal, listen);
  };
}
