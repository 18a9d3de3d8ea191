/**
 * Several requests in one message of the bus; see `client/gathered-requests.ts` for why and when.
 *
 * Invariant: each is handled as if it had come in a message of its own from the same sender, and fails alone;
 * what nats-server vouches for is the message's, never a request's. Who asks in another's name is refused, and told
 * of. It knows no verbs.
 */
import { badRequest, internalError, StatusError } from '../../api/status-error.ts'
import type { Message } from '../../bus/bus.ts'
import { decode } from '../../bus/codec.ts'
import type { Subjects } from '../../bus/subjects.ts'
import {
  GATHERED_MAX,
  type GatheredAnswer,
  type GatheredRequest,
} from '../../client/gathered-requests.ts'
import { REQUEST_INFO } from './bus-identity.ts'

export type HandleOne = (message: Message) => Promise<unknown>
/** Is told of a request in another name than its message's. */
export type OnForeignName = (message: Message, subject: string) => void

/** Resolves when each has an outcome. Throws StatusError 400 for a message that holds no requests. */
export const handleGathered = (
  message: Message,
  subjects: Subjects,
  handle: HandleOne,
  onForeignName: OnForeignName,
): Promise<GatheredAnswer[]> => {
  const { data } = message
  if (!Array.isArray(data) || data.length > GATHERED_MAX || !data.every(isRequest))
    throw badRequest(`wanted are at most ${GATHERED_MAX} requests: [[subject, headers, body], …]`)
  const sender = subjects.parseApi(message.subject)?.as
  const handleOwn: HandleOne = (one) => {
    if (subjects.parseApi(one.subject)?.as === sender) return handle(one)
    onForeignName(message, one.subject)
    throw badRequest(`${one.subject} is of another identity than ${message.subject}`)
  }
  return Promise.all(data.map((request) => outcomeOf(messageOf(request, message), handleOwn)))
}

const isRequest = (value: unknown): value is GatheredRequest =>
  Array.isArray(value) &&
  value.length === 3 &&
  typeof value[0] === 'string' &&
  isHeaders(value[1]) &&
  value[2] instanceof Uint8Array

const isHeaders = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  Object.values(value).every((text) => typeof text === 'string')

const outcomeOf = async (one: Message, handle: HandleOne): Promise<GatheredAnswer> => {
  try {
    return [await handle(one)]
  } catch (error) {
    const failure =
      error instanceof StatusError
        ? error
        : internalError(error instanceof Error ? error.message : String(error))
    return [null, failure.status]
  }
}

const messageOf = (
  [subject, headers, body]: GatheredRequest,
  { headers: of }: Message,
): Message => {
  const { [REQUEST_INFO]: _, ...own } = headers
  const vouched = of[REQUEST_INFO]
  let decoded: { data: unknown } | undefined
  return {
    subject,
    headers: vouched === undefined ? own : { ...own, [REQUEST_INFO]: vouched },
    encoding: 'msgpack',
    get data() {
      decoded ??= { data: decode(body, 'msgpack') }
      return decoded.data
    },
  }
}
