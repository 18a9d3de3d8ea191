/**
 * The issuer that a token names, before anybody has verified it: it only says whom to ask.
 */
export const untrustedIssuer = (token: string): string | undefined => {
  const parts = token.split('.')
  if (parts.length !== 3) return undefined
  try {
    const claims: unknown = JSON.parse(Buffer.from(parts[1]!, 'base64url').toString())
    const { iss } = (claims ?? {}) as { iss?: unknown }
    if (iss === 'accounts.google.com') return 'https://accounts.google.com'
    return typeof iss === 'string' ? iss : undefined
  } catch {
    return undefined
  }
}
