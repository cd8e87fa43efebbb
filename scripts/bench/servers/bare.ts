import { serveBare } from "./_bare.ts";
import { obey } from "./_control.ts";

await obey(serveBare().addr.port);
