/**
 * nats-server's log lines about what it has stopped: it tells the client and its log, and publishes nothing.
 *
 *   [7] 2026/11/21 03:11:27.123456 [ERR] 10.0.0.9:41262 - cid:10 - "v2.29:nats.js" - "USERS/user:{…}" -
 *   Publish Violation - Subject "$KV.kubus.core.secrets.default.x"
 *
 * Versions 2.12 to 2.15 write them alike; times are UTC (`logtime_utc`). Invariant: the words in front of the verdict
 * are read as Go quotes them, so that no name a client gives itself is taken for another part of the line, as long as
 * it holds no percent sign; who lets clients in sees to that. Pure.
 */

/** An attempt that nats-server has stopped. */
export interface Violation {
  /** Milliseconds since the epoch. */
  atMs: number
  /** Of the connection, on that server. */
  client: number
  /** Where it comes from; all but the last are what a WebSocket's headers say. */
  addresses: string[]
  /** `v2.29:nats.js:name`: what the client calls itself. */
  program: string
  account: string
  /** A key of the server's configuration (`nkey`), or the name of a pass (`user`). */
  identity: { type: 'nkey' | 'user'; name: string }
  verb: 'publish' | 'subscribe'
  /** What was to be published or heard; with `isReply` the subject to which an answer was asked. */
  subject: string
  isReply: boolean
}

const QUOTED = '"(?:[^"\\\\]|\\\\.)*"'
const LINE = new RegExp(
  String.raw`^\[\d+\] (\d{4})/(\d\d)/(\d\d) (\d\d:\d\d:\d\d\.\d{3})\d* \[ERR\] (\S+) - [cw]id:(\d+)` +
    ` - (?:(${QUOTED}) - )?(${QUOTED})` +
    ` - (Publish|Subscription) Violation(?: Too Many Tokens)? - (Subject|Reply) (${QUOTED})`,
)
const IDENTITY = /^([^/]*)\/(nkey|user):(.*)$/s
/** Nearly all other lines end here. */
const VERDICT = ' Violation'

/** Undefined for any other line. */
export const parseViolation = (line: string): Violation | undefined => {
  if (!line.includes(VERDICT)) return undefined
  const found = LINE.exec(line)
  if (!found) return undefined
  const [
    ,
    year,
    month,
    day,
    time,
    from = '',
    client,
    program,
    identity = '',
    what,
    where,
    subject,
  ] = found
  const who = IDENTITY.exec(unquoted(identity))
  if (!who) return undefined
  return {
    atMs: Date.parse(`${year}-${month}-${day}T${time}Z`),
    client: Number(client),
    addresses: from
      .split('/')
      .map((address) => address.replace(/:\d+$/, '').replace(/^\[|\]$/g, '')),
    program: program ? unquoted(program) : '',
    account: who[1]!,
    identity: { type: who[2] as 'nkey' | 'user', name: who[3]! },
    verb: what === 'Publish' ? 'publish' : 'subscribe',
    subject: unquoted(subject!),
    isReply: where === 'Reply',
  }
}

const ESCAPES: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
}

/** Of a string as Go's `%q` writes it. */
const unquoted = (text: string): string =>
  text
    .slice(1, -1)
    .replace(
      /\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8})|(.))/g,
      (all, byte?: string, short?: string, long?: string, letter?: string) => {
        const code = byte ?? short ?? long
        if (code === undefined) return ESCAPES[letter!] ?? letter!
        const point = Number.parseInt(code, 16)
        return point <= 0x10ffff ? String.fromCodePoint(point) : all
      },
    )
