/**
 * By which static token a connection was let in, without saying the token.
 *
 * A stamp is a keyed hash over an entry of the token file, user and groups included: connections carry it in their
 * name, where operators and logs see it. The key is the issuer's, so that every replica makes the same stamps and
 * nobody else can try tokens against one. Invariant: an entry that is removed or changed has no stamp any more.
 */
import { createHmac } from 'node:crypto'
import type { StaticToken } from '../authentication/static-tokens.ts'

/** 96 bits are enough to tell a few entries apart. */
const STAMP_LENGTH = 16

export class TokenStamps {
  private known: { tokens: readonly StaticToken[]; key: string; stamps: ReadonlySet<string> } = {
    tokens: [],
    key: '',
    stamps: new Set(),
  }

  constructor(
    private readonly tokens: () => readonly StaticToken[],
    private readonly key: () => string,
  ) {}

  /** Undefined for a token that the file does not list. */
  of(token: string): string | undefined {
    const entry = this.tokens().find((each) => each.token === token)
    return entry && stampOf(entry, this.key())
  }

  /** Whether the file still lists the entry as it was. */
  isGood(stamp: string): boolean {
    const tokens = this.tokens()
    const key = this.key()
    if (this.known.tokens !== tokens || this.known.key !== key)
      this.known = { tokens, key, stamps: new Set(tokens.map((entry) => stampOf(entry, key))) }
    return this.known.stamps.has(stamp)
  }
}

const stampOf = ({ token, user, uid, groups }: StaticToken, key: string): string =>
  createHmac('sha256', key)
    .update(JSON.stringify([token, user, uid, groups]))
    .digest('base64url')
    .slice(0, STAMP_LENGTH)
