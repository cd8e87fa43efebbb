/**
 * Notices that the files of a certificate were replaced.
 *
 * @module
 */

import { type CertChain, type CertFiles, loadCertChain } from "./pem.ts";

/** What a watch tells. */
export interface ChainEvents {
  /** Takes the new chain, checked. */
  onchange(chain: CertChain): void | Promise<void>;
  /** Hears why the new files are of no use. */
  onfail(error: unknown): void;
}

/**
 * Looks at the files now and then. Asking for their state works on every file
 * system, through links that are turned as certbot and Kubernetes do, and needs
 * no permission but to read them.
 *
 * @returns What ends the watch; it resolves when no look is under way.
 */
export function watchChain(
  { cert, key, files }: CertChain & { files: CertFiles },
  interval: number,
  { onchange, onfail }: ChainEvents,
): () => Promise<void> {
  let current = { cert, key };
  let loaded: string | undefined;
  let failing: string | undefined;
  let looking: Promise<void> | undefined;
  let ended = false;
  const look = async () => {
    const state = await stateOf(files);
    if (state === loaded) return;
    try {
      const chain = await loadCertChain(files.cert, files.key);
      if (ended) return;
      if (chain.cert !== current.cert || chain.key !== current.key) {
        await onchange(chain);
      }
      current = chain;
      loaded = state;
      failing = undefined;
    } catch (error) {
      // Of two files one may be new already: that is worth a second look.
      if (failing === state && !ended) {
        onfail(error);
        loaded = state;
      }
      failing = state;
    }
  };
  const guarded = () => {
    looking ??= look().finally(() => looking = undefined);
  };
  const timer = setInterval(guarded, interval);
  guarded();
  return async () => {
    ended = true;
    clearInterval(timer);
    await looking;
  };
}

/** What changes when a file is replaced, or written to. */
async function stateOf({ cert, key }: CertFiles): Promise<string> {
  const states = [cert, key].map(async (file) => {
    try {
      const { mtime, size, ino, dev } = await Deno.stat(file);
      return `${mtime?.getTime()} ${size} ${ino} ${dev}`;
    } catch (error) {
      return error instanceof Error ? error.name : "unknown";
    }
  });
  return (await Promise.all(states)).join(", ");
}
