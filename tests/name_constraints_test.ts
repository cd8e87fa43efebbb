import { assertEquals } from "@std/assert";
import {
  GeneralName,
  GeneralSubtree,
  GeneralSubtrees,
  NameConstraints,
} from "@peculiar/asn1-x509";
import { parseHost } from "../src/tls/host.ts";
import { permits } from "../src/tls/name_constraints.ts";

function subtrees(names: string[]): GeneralSubtrees {
  return new GeneralSubtrees(
    names.map((name) =>
      new GeneralSubtree({
        base: new GeneralName(
          name.includes("/") ? { iPAddress: name } : { dNSName: name },
        ),
      })
    ),
  );
}

Deno.test("permits() keeps an authority to the hosts that it may vouch for", () => {
  const cases: [permitted: string[], excluded: string[], string, boolean][] = [
    [["chat.test"], [], "chat.test", true],
    [["chat.test"], [], "a.b.chat.test", true],
    [[".Chat.test"], [], "a.chat.test", true],
    [["chat.test"], [], "evilchat.test", false],
    [["a.chat.test"], [], "chat.test", false],
    [["chat.test", "other.test"], [], "other.test", true],
    [[""], [], "other.test", true],
    [[], ["a.test"], "b.a.test", false],
    [[], ["a.test"], "b.test", true],
    [["a.test"], ["b.a.test"], "c.b.a.test", false],
    // Of names it says nothing.
    [["10.0.0.0/8"], [], "chat.test", true],
    [["10.0.0.0/8"], [], "10.1.2.3", true],
    [["10.0.0.0/8"], [], "11.1.2.3", false],
    [["192.0.2.1/32"], [], "192.0.2.2", false],
    [["0.0.0.0/0"], ["10.0.0.0/9"], "10.127.0.1", false],
    [["0.0.0.0/0"], ["10.0.0.0/9"], "10.128.0.1", true],
    [["10.0.0.0/8"], [], "::1", false],
    [["::1/128"], [], "::1", true],
    [["2001:db8::/32"], [], "2001:db8:1::5", true],
    [["2001:db8::/32"], [], "2001:db9::5", false],
  ];
  for (const [permitted, excluded, host, expected] of cases) {
    const constraints = new NameConstraints({
      ...(permitted.length > 0
        ? { permittedSubtrees: subtrees(permitted) }
        : {}),
      ...(excluded.length > 0 ? { excludedSubtrees: subtrees(excluded) } : {}),
    });
    const what = `${permitted} without ${excluded}: ${host}`;
    assertEquals(permits(constraints, parseHost(host)), expected, what);
  }
});
