/**
 * What nats-server itself has stopped, into the books: read from its log, as it tells nobody else.
 *
 *   line of the log ──▶ violation (bus/server-log.ts) ──▶ whose (a pass's name, a part's key) ──▶ refusals ──▶ audit log
 *
 * Each apiserver follows the nats-server of its own host. Invariant: a line is counted once, over restarts too, as the
 * place in the log is remembered when what was read is written. A connection that does nothing but try is ended, so
 * that it fills neither the log nor the books.
 */
import { StatusError } from '../../../api/status-error.ts'
import { SYSTEM_ACCOUNT } from '../../../bus/accounts.ts'
import type { Doorkeeper } from '../../../bus/doorkeeper.ts'
import { parseViolation, type Violation } from '../../../bus/server-log.ts'
import type { Log } from '../../../std/log.ts'
import type { Refusals } from '../audit/refusals.ts'
import { busUser, OPERATOR, parseBusName } from '../bus-identity.ts'
import type { User } from '../request.ts'

/** The log of a nats-server. */
export interface ServerLog {
  /** Name of the server. */
  server: string
  follow(onLine: (line: string) => void): {
    /** What was handed over is not handed over again. */
    remember(): void
    stop(): Promise<void>
  }
  /** Whose a key of the server's configuration is; undefined for one that it does not name. */
  partOf(key: string): string | undefined
}

export interface ViolationPorts {
  serverLog: ServerLog
  refusals: Refusals
  doorkeeper: Pick<Doorkeeper, 'connection' | 'kick'>
  log: Log
}

/** Attempts of one connection between two times that the books are written. */
const FLOOD = 2_000

/** The result ends it, with everything that was read in the books. */
export const bookViolations = ({
  serverLog,
  refusals,
  doorkeeper,
  log,
}: ViolationPorts): (() => Promise<void>) => {
  const attempts = new Map<number, number>()
  const end = async (client: number, name: string) => {
    const connection = await doorkeeper.connection(serverLog.server, client)
    // Numbers begin anew when the server does.
    if (connection?.name !== name) return
    log.warn({ server: serverLog.server, client }, 'a connection that only tries is ended')
    await doorkeeper.kick(connection)
  }
  const followed = serverLog.follow((line) => {
    const violation = parseViolation(line)
    if (!violation) return
    const { client, identity, verb, subject, addresses, program, atMs } = violation
    const user = userOf(violation, serverLog)
    const status = refusalOf(violation, user)
    refusals.add({ user, verb, subject, status, sourceIPs: addresses, userAgent: program, atMs })
    const count = (attempts.get(client) ?? 0) + 1
    attempts.set(client, count)
    if (count === FLOOD && identity.type === 'user')
      end(client, identity.name).catch((err: unknown) =>
        log.warn({ err, client }, 'a connection is not ended'),
      )
  })
  refusals.onWritten(() => {
    attempts.clear()
    followed.remember()
  })
  return async () => {
    await followed.stop()
    refusals.flush()
  }
}

const userOf = ({ account, identity }: Violation, { partOf }: ServerLog): User => {
  const { type, name } = identity
  if (type === 'nkey') {
    const part = partOf(name) ?? name
    return part === OPERATOR.name ? OPERATOR : busUser(part, {})
  }
  const known = parseBusName(name)?.user
  if (known) return known
  return account === SYSTEM_ACCOUNT ? busUser(name, {}) : { name, groups: [] }
}

const refusalOf = ({ verb, subject, isReply }: Violation, { name }: User) => {
  const what = isReply
    ? `ask for an answer to "${subject}"`
    : `${verb}${verb === 'publish' ? '' : ' to'} "${subject}"`
  return new StatusError(403, 'Forbidden', `forbidden: User "${name}" cannot ${what} on the bus`)
    .status
}
