/**
 * nats-server's accounts as a cluster has them, with passwords in place of keys: whoever shows nothing is a part.
 */
import { connect, type NatsConnection } from 'nats'

const CONNECTIONS = '$SYS.REQ.SERVER.PING.CONNZ'

/** `streams` are the subjects that reach the users' account. */
export const accountsConfig = (...streams: string[]): string => `
accounts {
  KUBUS {
    jetstream: enabled
    users: [ { user: part, password: part } ]
    exports: [ ${streams.map((subject) => `{ stream: "${subject}" }`).join(', ')} ]
    imports: [ { service: { account: "$SYS", subject: "${CONNECTIONS}" } } ]
  }
  USERS {
    users: [ { user: jane, password: jane } ]
    imports: [ ${streams.map((subject) => `{ stream: { account: KUBUS, subject: "${subject}" } }`).join(', ')} ]
  }
  "$SYS" { exports: [ { service: "${CONNECTIONS}", accounts: [KUBUS], response: stream } ] }
}
no_auth_user: part
`

/** A connection of somebody in the users' account. */
export const connectUser = (url: string): Promise<NatsConnection> =>
  connect({ servers: url, user: 'jane', pass: 'jane' })
