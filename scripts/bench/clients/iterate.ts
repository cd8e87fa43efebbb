import { connect } from "../../../client.ts";
import { obey } from "./_control.ts";
import { echoOver } from "./_echoes.ts";

await obey(async ({ url, ca, shape: { window } }, payload, lane) => {
  const ws = await connect(url, { caCerts: [ca] });
  return echoOver(ws, payload, { lane, window });
});
