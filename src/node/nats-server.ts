/**
 * The nats-server's configuration, as text.
 *
 * Invariant: `sync_interval: always`, so that an acknowledged write is on disk; nobody connects without an
 * identity: keys that are named here, and whoever the authorization service accepts. It starts nothing.
 */
export interface NatsServerConfig {
  /** Name of this server in the cluster, e.g. `nats-1`. */
  name: string
  /** Address clients connect to. */
  host: string
  port: number
  /** Folder of the streams. */
  storeDir: string
  /** It is put aside when it is full, under its name and the time. */
  logFile: string
  /** Of the cluster's parts, with the streams, and of everybody else. */
  accounts: { system: SystemAccount; users: UsersAccount }
  /** Public key (`A…`) of who signs the identities of all others. */
  issuer: string
  /**
   * A key that nobody holds. The server must be told of a user who is always let in and cannot be told of another
   * while it runs, so the keys that are replaced are none of those.
   */
  anchor: string
  /** Absent: no TLS, for a server that listens on this machine only. */
  tls?: TlsFiles
  /** Where clients that prove themselves with a TLS certificate connect, as WebSockets: elsewhere none is asked for. */
  certified: { port: number; tls: TlsFiles }
  /** Present when several servers form one cluster. */
  cluster?: {
    name: string
    host: string
    port: number
    /** `host:port` of every member, this one included or not. */
    routes: readonly string[]
    /** Shared secret of the members. */
    user: string
    password: string
  }
}

export interface NatsUser {
  /** Public key (`U…`). */
  nkey: string
  /** Absent: everything in its account. */
  rights?: NatsRights | undefined
}

export interface NatsRights {
  publish: readonly string[]
  subscribe: readonly string[]
  /** May answer whatever reaches it. */
  answers: boolean
}

export interface SystemAccount {
  name: string
  users: readonly NatsUser[]
}

export interface UsersAccount {
  name: string
  /** Subjects of the system account that it may send to; `as` is how they are called here. */
  services: readonly { subject: string; as?: string; isVouched?: boolean }[]
  /** Subjects of the system account that are heard here. */
  streams: readonly string[]
}

export interface TlsFiles {
  certificate: string
  key: string
  authority: string
}

/** The log is read as it grows, see `bus/server-log.ts`; a flood of lines must not fill the disk. */
const LOG_BYTES_MAX = 16 * 1024 * 1024
const LOG_FILES = 4
/** Bounds a message: Kubernetes' objects reach about 1.5 MiB. */
const MAX_PAYLOAD_BYTES = 4 * 1024 * 1024
/** Certificates and long tokens come in the first line a client writes. */
const MAX_LINE_BYTES = 32 * 1024
/** How long an authorization may take, the service's start included. */
const AUTH_TIMEOUT_SECONDS = 5
/** Ends a connection at once, by the server's id. */
const KICK = '$SYS.REQ.SERVER.*.KICK'
/** Has a server read its configuration and certificates again. */
const RELOAD = '$SYS.REQ.SERVER.*.RELOAD'
/** Every server tells its connections. */
const CONNECTIONS = '$SYS.REQ.SERVER.PING.CONNZ'

/** To one request each service of a connection may answer, as `nats micro ls` asks; for two minutes. */
const ANSWERS = ', allow_responses: { max: 64, expires: "2m" }'

const quoted = (text: string) => JSON.stringify(text)
const list = (texts: readonly string[]) => `[${texts.map(quoted).join(', ')}]`

export const natsServerConfig = (config: NatsServerConfig): string => {
  const lines = [
    `server_name: ${quoted(config.name)}`,
    `host: ${quoted(config.host)}`,
    `port: ${config.port}`,
    `log_file: ${quoted(config.logFile)}`,
    `logfile_size_limit: ${LOG_BYTES_MAX}`,
    `logfile_max_num: ${LOG_FILES}`,
    'logtime_utc: true',
    `max_payload: ${MAX_PAYLOAD_BYTES}`,
    `max_control_line: ${MAX_LINE_BYTES}`,
    'max_pending: 67108864',
    'write_deadline: "10s"',
    'ping_interval: "5s"',
    'ping_max: 2',
    'jetstream {',
    `  store_dir: ${quoted(config.storeDir)}`,
    '  sync_interval: always',
    '}',
    ...tlsLines(config.tls, ''),
    'websocket {',
    `  host: ${quoted(config.host)}`,
    `  port: ${config.certified.port}`,
    ...tlsLines(config.certified.tls, '  ', ['verify: true']),
    '}',
    ...accountLines(config),
    'authorization {',
    `  timeout: ${AUTH_TIMEOUT_SECONDS}`,
    '  auth_callout {',
    `    issuer: ${config.issuer}`,
    `    account: ${config.accounts.system.name}`,
    `    allowed_accounts: [${config.accounts.users.name}]`,
    `    auth_users: ${list([config.anchor])}`,
    '  }',
    '}',
  ]
  if (config.cluster) {
    const { name, host, port, routes, user, password } = config.cluster
    lines.push(
      'cluster {',
      `  name: ${quoted(name)}`,
      `  listen: ${quoted(`${host}:${port}`)}`,
      `  authorization { user: ${quoted(user)}, password: ${quoted(password)}, timeout: 5 }`,
      ...tlsLines(config.tls, '  '),
      '  routes: [',
      ...routes.map((route) => `    "nats-route://${user}:${password}@${route}"`),
      '  ]',
      '}',
    )
  }
  return `${lines.join('\n')}\n`
}

const tlsLines = (
  files: TlsFiles | undefined,
  indent: string,
  more: readonly string[] = [],
): string[] =>
  files
    ? [
        `${indent}tls {`,
        `${indent}  cert_file: ${quoted(files.certificate)}`,
        `${indent}  key_file: ${quoted(files.key)}`,
        `${indent}  ca_file: ${quoted(files.authority)}`,
        `${indent}  timeout: 5`,
        ...more.map((line) => `${indent}  ${line}`),
        `${indent}}`,
      ]
    : []

const accountLines = ({ anchor, accounts: { system, users } }: NatsServerConfig): string[] => [
  'accounts {',
  `  ${system.name} {`,
  '    jetstream: enabled',
  '    users: [',
  ...system.users.map(userLine),
  `      { nkey: ${anchor}, permissions { publish: { deny: ">" }, subscribe: { deny: ">" } } }`,
  '    ]',
  '    exports: [',
  ...users.services.map(({ subject }) => `      { service: ${quoted(subject)} }`),
  ...users.streams.map((subject) => `      { stream: ${quoted(subject)} }`),
  '    ]',
  `    imports: [${[KICK, RELOAD, CONNECTIONS].map((subject) => `{ service: { account: "$SYS", subject: ${quoted(subject)} } }`).join(', ')}]`,
  '  }',
  `  ${users.name} {`,
  '    imports: [',
  ...users.services.map(
    ({ subject, as, isVouched }) =>
      `      { service: { account: ${system.name}, subject: ${quoted(subject)} }` +
      `${as ? `, to: ${quoted(as)}` : ''}${isVouched ? ', share: true' : ''} }`,
  ),
  ...users.streams.map(
    (subject) => `      { stream: { account: ${system.name}, subject: ${quoted(subject)} } }`,
  ),
  '    ]',
  '  }',
  '  "$SYS" {',
  '    exports: [',
  ...[KICK, RELOAD].map(
    (subject) => `      { service: ${quoted(subject)}, accounts: [${system.name}] }`,
  ),
  `      { service: ${quoted(CONNECTIONS)}, accounts: [${system.name}], response: stream }`,
  '    ]',
  '  }',
  '}',
]

const userLine = ({ nkey, rights }: NatsUser): string => {
  if (!rights) return `      { nkey: ${nkey} }`
  const { publish, subscribe, answers } = rights
  return (
    `      { nkey: ${nkey}, permissions { publish: { allow: ${list(publish)} }, ` +
    `subscribe: { allow: ${list(subscribe)} }${answers ? ANSWERS : ''} } }`
  )
}
