/**
 * Answers on the bus: which encoding they take, and how a StatusError travels in one.
 *
 * An error is a micro service error (two headers, so the nats CLI shows it) whose body is the `Status`.
 */
import { internalError, type Status, StatusError } from '../api/status-error.ts'
import { decode, type Encoding, encode, encodingOf, sniff } from './codec.ts'
import type { RawAnswer, RawMessage } from './wire.ts'

const ERROR_HEADER = 'Nats-Service-Error'
const ERROR_CODE_HEADER = 'Nats-Service-Error-Code'
export const REQUEST_TIMEOUT_MS = 10_000

/** The StatusError an answer carries, if it is an error. */
export const failureOf = (answer: RawMessage): StatusError | undefined => {
  const message = answer.headers[ERROR_HEADER]
  if (message === undefined) return undefined
  try {
    const status = decode(answer.payload) as Status | undefined
    if (status?.kind === 'Status') return StatusError.from(status)
  } catch {
    // A foreign service's error body: its headers say enough.
  }
  return new StatusError(Number(answer.headers[ERROR_CODE_HEADER]) || 500, 'Unknown', message)
}

/** The answer that carries `error`; anything but a StatusError is an internal error. */
export const errorAnswer = (error: unknown, encoding: Encoding): RawAnswer => {
  const failure =
    error instanceof StatusError
      ? error
      : internalError(error instanceof Error ? error.message : String(error))
  return {
    payload: encode(failure.status, encoding),
    headers: {
      [ERROR_HEADER]: failure.message.replaceAll(/[\r\n]+/g, ' '),
      [ERROR_CODE_HEADER]: String(failure.code),
    },
    error: failure,
  }
}

/** How an answer to `raw` is encoded: as it accepts, or as it is written; an empty one comes from a person. */
export const answerEncoding = ({ headers, payload }: RawMessage): Encoding =>
  encodingOf(headers['Accept']) ??
  (payload.length === 0 ? 'json' : (encodingOf(headers['Content-Type']) ?? sniff(payload)))

/** Nobody subscribes to the subject: nothing was done, trying again is safe. */
export const noResponders = (subject: string) =>
  new StatusError(503, 'ServiceUnavailable', `nobody answers ${subject}`, {
    causes: [{ reason: 'NoResponders', message: subject }],
  })

export const isNoResponders = (error: unknown): boolean =>
  error instanceof StatusError && error.status.details?.causes?.[0]?.reason === 'NoResponders'
