/**
 * Who a front proxy says the user is: `X-Remote-User`, `-Uid`, `-Group` and `-Extra-<key>`.
 *
 * Invariant: the headers are believed only of a connection whose certificate is a front proxy's; the caller has
 * seen to that. Headers are those that `kube-system/extension-apiserver-authentication` publishes; they are read
 * as Kubernetes 1.36 reads them (`apiserver/pkg/authentication/request/headerrequest`).
 */
import type { IncomingMessage } from 'node:http'
import type { User } from '../request.ts'

const USER = 'x-remote-user'
const UID = 'x-remote-uid'
const GROUP = 'x-remote-group'
const EXTRA = 'x-remote-extra-'

/** Undefined when no user is named. The headers are taken away, so that nobody behind believes them. */
export const frontProxyUser = ({ headers, rawHeaders }: IncomingMessage): User | undefined => {
  let name = ''
  let uid = ''
  const groups: string[] = []
  const extra: Record<string, string[]> = {}
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const header = rawHeaders[at]!.toLowerCase()
    const value = rawHeaders[at + 1]!
    if (header === USER) name ||= value
    else if (header === UID) uid ||= value
    else if (header === GROUP && value !== '') groups.push(value)
    else if (header.startsWith(EXTRA)) {
      const key = unescaped(header.slice(EXTRA.length))
      extra[key] = [...(extra[key] ?? []), value]
    }
  }
  if (name === '') return undefined
  for (const header in headers) if (header.startsWith('x-remote-')) delete headers[header]
  return { name, groups, ...(uid === '' ? {} : { uid }), extra }
}

/** What cannot be decoded is kept as it is. */
const unescaped = (key: string): string => {
  try {
    return decodeURIComponent(key)
  } catch {
    return key
  }
}
