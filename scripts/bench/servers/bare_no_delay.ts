import { setNoDelay } from "../../../server.ts";
import { serveBare } from "./_bare.ts";
import { obey } from "./_control.ts";

const { addr } = serveBare();
await setNoDelay(addr);
await obey(addr.port);
