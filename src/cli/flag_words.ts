/**
 * What the library says of its options, in the words of the command line.
 *
 * @module
 */

/** The flag for each option that a flag sets. */
const FLAGS: Readonly<Record<string, string>> = {
  caCerts: "--cacert",
  defaultCaCerts: "--no-default-cacerts",
  headers: "--header",
  maxMessageSize: "--max-message",
  minVersion: "--tls-min",
  openTimeout: "--connect-timeout",
  pins: "--pin",
  protocols: "--subprotocol",
  proxy: "--proxy",
  resolve: "--resolve",
  unixSocket: "--unix-socket",
};

/** Those of which the names are words of the language, too. */
const COMMON: Readonly<Record<string, string>> = {
  caFiles: "--cacert",
  cert: "--cert",
  key: "--key",
  keyFile: "--key",
};

/** Turns of speech that are for programmers. */
const PHRASES: readonly (readonly [RegExp, string])[] = [
  [/use connect\(\) with engine: "node"/g, "use --engine node"],
  [/or connect\(\) with engine: "node"/g, "or --engine node"],
  [/connect with engine: "node"/g, "connect with --engine node"],
  [/`engine: "node"`/g, "--engine node"],
  [/pass `headers: \{ authorization: … \}` instead/g, "use --auth instead"],
  [
    /in `headers`: authorization, or a cookie/g,
    "by --token or --auth, or a cookie by --header",
  ],
  [/does not accept `authorization`/g, "does not accept --token or --auth"],
  [
    /pass what proves who you are: `headers: \{ authorization: "Bearer …" \}`/g,
    "say who you are by --token or --auth",
  ],
  [
    /did not accept `authorization`: check whether it is right/g,
    "did not accept --token, --auth or --header: check whether it is right",
  ],
  [
    /what `headers` say of who you are/g,
    "what --token, --auth or --header say of who you are",
  ],
  [/`proxy: "(SCHEME[^"]*)"`/g, "--proxy $1"],
  [/; `body` of this error may tell more/g, ""],
  [/, as reconnect\(\) does/g, ""],
  [/`origins` of serve\(\)/g, "`wss serve --origin`"],
  [/pass `proxy: "environment"`/g, "give --proxy environment"],
  [/pass `followRedirects: true`, or connect/g, "connect"],
  [/certificatePin\(\) makes them/g, "wss cert --show shows them"],
  [/the same subprotocol twice/g, "the same --subprotocol twice"],
  [
    /Cannot use protocol:|Cannot use subprotocol:/g,
    "Cannot use --subprotocol:",
  ],
  [/"environment"/g, "environment"],
  [/: entry "[^"]*": "[^"]*"/g, ""],
];

/**
 * A text with flags for options.
 *
 * @param text The text.
 * @param bare Whether also for names that do not stand in backquotes.
 */
export function inFlagWords(text: string, bare = false): string {
  for (const [phrase, words] of PHRASES) text = text.replaceAll(phrase, words);
  for (const [option, flag] of Object.entries({ ...FLAGS, ...COMMON })) {
    text = text.replaceAll(`\`${option}\``, flag);
    if (!bare || option in COMMON) continue;
    // As a word of its own, not in another nor in a file's name.
    const word = new RegExp(`(?<![\\w./-])${option}\\b(?:\\[\\d+\\])?`, "g");
    text = text.replace(word, flag);
  }
  return text;
}
