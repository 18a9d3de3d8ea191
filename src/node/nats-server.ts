/**
 * The nats-server's configuration, as text.
 *
 * Invariant: `sync_interval: always`, so that an acknowledged write is on disk. It starts nothing.
 */
export interface NatsServerConfig {
  /** Name of this server in the cluster, e.g. `nats-1`. */
  name: string
  /** Address clients connect to. */
  host: string
  port: number
  /** Folder of the streams. */
  storeDir: string
  /** Public keys of the users who may connect, each with full rights. */
  users: readonly string[]
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

/** Bounds a message: Kubernetes' objects reach about 1.5 MiB. */
const MAX_PAYLOAD_BYTES = 4 * 1024 * 1024

export const natsServerConfig = (config: NatsServerConfig): string => {
  const quoted = (text: string) => JSON.stringify(text)
  const lines = [
    `server_name: ${quoted(config.name)}`,
    `host: ${quoted(config.host)}`,
    `port: ${config.port}`,
    `max_payload: ${MAX_PAYLOAD_BYTES}`,
    'max_pending: 67108864',
    'write_deadline: "10s"',
    'ping_interval: "5s"',
    'ping_max: 2',
    'jetstream {',
    `  store_dir: ${quoted(config.storeDir)}`,
    '  sync_interval: always',
    '}',
    'authorization {',
    '  users: [',
    ...config.users.map((nkey) => `    { nkey: ${nkey} }`),
    '  ]',
    '}',
  ]
  if (config.cluster) {
    const { name, host, port, routes, user, password } = config.cluster
    lines.push(
      'cluster {',
      `  name: ${quoted(name)}`,
      `  listen: ${quoted(`${host}:${port}`)}`,
      `  authorization { user: ${quoted(user)}, password: ${quoted(password)}, timeout: 5 }`,
      '  routes: [',
      ...routes.map((route) => `    "nats-route://${user}:${password}@${route}"`),
      '  ]',
      '}',
    )
  }
  return `${lines.join('\n')}\n`
}
