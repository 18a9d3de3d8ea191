/**
 * Logging: one pino logger a process, one child a component.
 * Fields are `component`, `kind`, `namespace`, `name`, `revision`, `error`; the message is a constant sentence.
 */
import { type Logger, pino } from 'pino'

export type Log = Logger

export const rootLog: Log = pino(
  {
    level: process.env['KUBUS_LOG'] ?? 'info',
    base: { pid: process.pid },
    // Without it an error is written as `{}`.
    serializers: { error: pino.stdSerializers.err },
  },
  pino.destination({ fd: 2, sync: false }),
)

export const componentLog = (component: string): Log => rootLog.child({ component })
