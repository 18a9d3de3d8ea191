/**
 * Static tokens, as Kubernetes' `--token-auth-file` lists them: `token,user,uid,"group1,group2"`.
 *
 * Invariant: a token is compared in constant time per entry. The file is CSV as Go reads it; the last of two
 * entries with one token counts.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { User } from '../request.ts'

export interface StaticToken {
  token: string
  user: string
  uid?: string
  groups?: readonly string[]
}

/** Throws Error for a file that cannot be read as one. */
export const parseTokenFile = (text: string): StaticToken[] => {
  const tokens = new Map<string, StaticToken>()
  for (const record of parseCsv(text)) {
    const [token = '', user = '', uid = '', groups] = record
    if (record.length < 3)
      throw new Error(
        `token file must have at least 3 columns (token, user name, user uid), found ${record.length}`,
      )
    if (token === '') continue
    tokens.set(token, {
      token,
      user,
      ...(uid === '' ? {} : { uid }),
      groups: groups === undefined ? [] : groups.split(','),
    })
  }
  return [...tokens.values()]
}

/** Records of fields; a quoted one may hold commas, line ends and doubled quotes. */
const parseCsv = (text: string): string[][] => {
  const records: string[][] = []
  let record: string[] = []
  let field = ''
  let isQuoted = false
  const endRecord = () => {
    record.push(field)
    if (record.length > 1 || field !== '') records.push(record)
    record = []
    field = ''
  }
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!
    if (isQuoted) {
      if (character !== '"') field += character
      else if (text[at + 1] === '"') field += text[++at]
      else isQuoted = false
    } else if (character === '"' && field === '') isQuoted = true
    else if (character === ',') {
      record.push(field)
      field = ''
    } else if (character === '\n') endRecord()
    else if (character !== '\r' || text[at + 1] !== '\n') field += character
  }
  if (isQuoted) throw new Error('token file ends inside a quoted field')
  endRecord()
  return records
}

/** Whose token it is. */
export const staticTokenUsers = (
  tokens: readonly StaticToken[],
): ((token: string) => User | undefined) => {
  const known = tokens.map(({ token, user, uid, groups = [] }) => ({
    digest: digestOf(token),
    user: { name: user, groups, ...(uid ? { uid } : {}) },
  }))
  return (token) => {
    if (known.length === 0) return undefined
    const digest = digestOf(token)
    return known.find((entry) => timingSafeEqual(entry.digest, digest))?.user
  }
}

const digestOf = (token: string): Buffer => createHash('sha256').update(token).digest()
