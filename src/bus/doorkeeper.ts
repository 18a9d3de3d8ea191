/**
 * NATS' auth callout: nats-server asks here who a connection is that no key in its configuration admits.
 *
 * A request and its answer are JWTs after NATS' own rules (`nats-io/jwt`, AuthorizationRequest and -Response, User),
 * the answer signed with the issuer's key that nats-server's configuration names. Invariant: what `judge` throws
 * refuses the connection. nats-server lets nobody else publish requests; it decides nothing itself.
 */
import { createPrivateKey, type KeyObject, sign } from 'node:crypto'
import { fromSeed } from '@nats-io/nkeys'
import type { NatsConnection } from 'nats'
import type { Clock } from '../std/clock.ts'
import { newUid } from '../std/ids.ts'
import type { Log } from '../std/log.ts'
import type { BusRights } from './accounts.ts'
import type { Headers, Registration } from './bus.ts'

/** A connection that wants in, and what it shows. */
export interface Knock {
  /** Address of the client. */
  host: string
  /** What the client calls itself. */
  client: string
  /** What the client calls its library. */
  program: string
  /** A bearer token, or a certificate (PEM) with `signature` over `nonce`. */
  token: string
  signature: string
  nonce: string
  /** Chains that TLS has verified, each leaf first, PEM. */
  verifiedChains: readonly (readonly string[])[]
}

/** As whom a connection is let in. */
export interface Pass {
  account: string
  /** What requests of this connection are marked with. */
  name: string
  rights: BusRights
  /** Milliseconds since the epoch; nats-server ends the connection then. */
  expiresAtMs?: number | undefined
}

export interface OpenConnection {
  server: string
  client: number
  /** The `name` of its pass, or the key of a part of the cluster. */
  name: string
}

/** A message that is not answered because of where its sender wanted the answer to be written. */
export interface ForeignReply {
  subject: string
  headers: Headers
  reply: string
}

export interface Doorkeeper {
  /** `issuer` gives the seed (`SA…`) of the issuer's key. */
  serve(issuer: () => string, judge: (knock: Knock) => Promise<Pass>): Registration
  /** What is open in an account; of the user `name` alone, if it is given. */
  connections(account: string, name?: string): Promise<OpenConnection[]>
  /** The connection with that number on the server of that name (`nats-1`), if it is open. */
  connection(server: string, client: number): Promise<OpenConnection | undefined>
  /** Ends a connection at once. */
  kick(connection: OpenConnection): Promise<void>
  /** Has every server read its configuration and certificates again; how many did. */
  reload(): Promise<number>
  /** Who is told of such messages to this connection. */
  onForeignReply(listener: (message: ForeignReply) => void): void
}

const REQUESTS = '$SYS.REQ.USER.AUTH'
const CONNECTIONS = '$SYS.REQ.SERVER.PING.CONNZ'
const QUEUE = 'doorkeepers'
const NANOS_PER_SECOND = 1e9
/** Each service of a connection may answer one request, as when all are asked what they are. */
const ANSWERS_MAX = 64
const ANSWER_SECONDS = 120
const CONNECTIONS_PAGE = 1024
/** Every server answers; the last one at the latest after this long. */
const ALL_ANSWERED_MS = 300
const KICK_MS = 2_000
const RELOAD_MS = 10_000

export const natsDoorkeeper = (
  connection: NatsConnection,
  clock: Clock,
  log: Log,
): Omit<Doorkeeper, 'onForeignReply'> => ({
  serve: (issuer, judge) => {
    const signer = createSigner(issuer, clock)
    const subscription = connection.subscribe(REQUESTS, {
      queue: QUEUE,
      callback: (error, message) => {
        if (error) return log.error({ err: error }, 'connections to the bus are not admitted')
        answer(message.string(), signer, judge, log).then(
          (text) => message.respond(text),
          (err: unknown) => log.error({ err }, 'a connection to the bus was not judged'),
        )
      },
    })
    return { stop: async () => subscription.unsubscribe() }
  },
  connections: async (account, name) => {
    const query = {
      acc: account,
      auth: true,
      limit: CONNECTIONS_PAGE,
      ...(name ? { user: name } : {}),
    }
    const found: OpenConnection[] = []
    for (let offset = 0; ; offset += CONNECTIONS_PAGE) {
      const answers = await askServers(connection, JSON.stringify({ ...query, offset }))
      for (const { server, data } of answers)
        for (const { cid, authorized_user } of data.connections ?? [])
          found.push({ server: server.id, client: cid, name: authorized_user ?? '' })
      if (answers.every(({ data }) => (data.connections?.length ?? 0) < CONNECTIONS_PAGE)) break
    }
    return found
  },
  connection: async (server, client) => {
    const query = { cid: client, auth: true, server_name: server, exact_match: true }
    const answer = await connection.request(CONNECTIONS, JSON.stringify(query), {
      timeout: KICK_MS,
    })
    const { server: which, data } = answer.json<Partial<ServerConnections>>()
    const [found] = data?.connections ?? []
    if (!which || !found) return undefined
    return { server: which.id, client, name: found.authorized_user ?? '' }
  },
  kick: async ({ server, client }) => {
    await connection.request(`$SYS.REQ.SERVER.${server}.KICK`, JSON.stringify({ cid: client }), {
      timeout: KICK_MS,
    })
  },
  reload: async () => {
    const servers = await askServers(connection, JSON.stringify({ limit: 1 }))
    for (const { server } of servers) {
      const subject = `$SYS.REQ.SERVER.${server.id}.RELOAD`
      const answer = await connection.request(subject, '', { timeout: RELOAD_MS })
      const { error } = answer.json<{ error?: { description?: string } }>()
      if (error) throw new Error(`nats-server does not reload: ${error.description}`)
    }
    return servers.length
  },
})

interface ServerConnections {
  server: { id: string }
  data: { connections?: { cid: number; authorized_user?: string }[] }
}

const askServers = async (
  connection: NatsConnection,
  query: string,
): Promise<ServerConnections[]> => {
  const answers: ServerConnections[] = []
  const stream = await connection.requestMany(CONNECTIONS, query, {
    maxWait: ALL_ANSWERED_MS,
  })
  for await (const message of stream) answers.push(message.json<ServerConnections>())
  return answers
}

/** The claims of a request, as far as they matter here. */
interface RequestClaims {
  nats: {
    server_id: { id: string }
    user_nkey: string
    client_info: { host?: string; nonce?: string }
    connect_opts: {
      auth_token?: string
      pass?: string
      sig?: string
      name?: string
      lang?: string
      version?: string
    }
    client_tls?: { verified_chains?: string[][] }
  }
}

const answer = async (
  request: string,
  signed: Signer,
  judge: (knock: Knock) => Promise<Pass>,
  log: Log,
): Promise<string> => {
  const { nats } = JSON.parse(
    Buffer.from(request.split('.')[1] ?? '', 'base64url').toString(),
  ) as RequestClaims
  const { user_nkey: user, client_info: info, connect_opts: options } = nats
  const outcome = { aud: nats.server_id.id, sub: user }
  const knock: Knock = {
    host: info.host ?? '',
    client: options.name ?? '',
    program: `${options.lang ?? ''} ${options.version ?? ''}`.trim(),
    token: options.auth_token ?? options.pass ?? '',
    signature: options.sig ?? '',
    nonce: info.nonce ?? '',
    verifiedChains: nats.client_tls?.verified_chains ?? [],
  }
  try {
    const pass = await judge(knock)
    const jwt = signed(userClaims(user, pass))
    return signed({ ...outcome, nats: { jwt, type: 'authorization_response', version: 2 } })
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    const { host, client } = knock
    log.warn({ host, client, reason }, 'a connection to the bus is refused')
    return signed({
      ...outcome,
      nats: { error: reason, type: 'authorization_response', version: 2 },
    })
  }
}

const userClaims = (user: string, { account, name, rights, expiresAtMs }: Pass) => ({
  sub: user,
  aud: account,
  name,
  ...(expiresAtMs === undefined ? {} : { exp: Math.floor(expiresAtMs / 1000) }),
  nats: {
    pub: { allow: rights.publish },
    sub: { allow: rights.subscribe },
    ...(rights.answers
      ? { resp: { max: ANSWERS_MAX, ttl: ANSWER_SECONDS * NANOS_PER_SECOND } }
      : {}),
    subs: -1,
    data: -1,
    payload: -1,
    type: 'user',
    version: 2,
  },
})

type Signer = (claims: object) => string

const HEADER = Buffer.from(JSON.stringify({ typ: 'JWT', alg: 'ed25519-nkey' })).toString(
  'base64url',
)

/** The key is read again when it changed. */
const createSigner = (issuer: () => string, clock: Clock): Signer => {
  let known: { seed: string; key: KeyObject; publicKey: string } | undefined
  return (claims) => {
    const seed = issuer()
    if (known?.seed !== seed) known = { seed, ...issuerKey(seed) }
    const body = {
      jti: newUid(),
      iat: Math.floor(clock.now() / 1000),
      iss: known.publicKey,
      ...claims,
    }
    const text = `${HEADER}.${Buffer.from(JSON.stringify(body)).toString('base64url')}`
    return `${text}.${sign(null, Buffer.from(text), known.key).toString('base64url')}`
  }
}

/** PKCS #8 of an Ed25519 key, up to its 32 bytes. */
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex')
const SEED_BYTES = 32
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

/** Of a seed: two bytes that say what it is, the seed itself, a checksum; in base 32. */
const issuerKey = (seed: string): { key: KeyObject; publicKey: string } => {
  const bits = Array.from(seed, (letter) => ALPHABET.indexOf(letter).toString(2).padStart(5, '0'))
  const bytes = (bits.join('').match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2))
  const raw = Buffer.from(bytes.slice(2, 2 + SEED_BYTES))
  const key = createPrivateKey({
    key: Buffer.concat([PKCS8, raw]),
    format: 'der',
    type: 'pkcs8',
  })
  const publicKey = fromSeed(new TextEncoder().encode(seed)).getPublicKey()
  return { key, publicKey }
}
