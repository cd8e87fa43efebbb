/** Connects with the options that it is started with, and says how that went. */

import { connect } from "../../mod.ts";
import { print, programOptions } from "./_program.ts";

const { url, ...options } = programOptions<{ url: string }>();
try {
  await using ws = await connect(url, options);
  print({ received: await ws.receive() });
} catch (error) {
  const { name, message, reason } = error as Error & { reason?: string };
  print({ name, message, reason });
}
