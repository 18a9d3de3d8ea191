/**
 * The cluster's authority as controllers use it: the key is read from the state folder for each signature.
 */
import type { CertificateAuthority } from '../actors/controllers/certificates/signer.ts'
import { validityOf } from '../api/certificates/signers.ts'
import { certificateFacts, splitBundle } from '../node/certificate-facts.ts'
import { readTextIfPresent } from '../node/files.ts'
import { AUTHORITY } from './certificates.ts'
import type { StateFolder } from './state-folder.ts'

/** Undefined on a host that holds no key. */
export const signingAuthority = (folder: StateFolder): CertificateAuthority | undefined => {
  const read = (what: 'crt' | 'key') => readTextIfPresent(folder.pki(`${AUTHORITY}.${what}`))
  if (!read('key')) return undefined
  return {
    sign: async ({ der }, { usages, expirationSeconds, nowMs }) => {
      const { signRequest } = await import('../node/pki.ts')
      const [certificate = ''] = splitBundle(read('crt') ?? '')
      const { notAfterMs } = certificateFacts(certificate)
      const validity = validityOf(nowMs, expirationSeconds, notAfterMs)
      return signRequest({ certificate, key: read('key') ?? '' }, der, { usages, validity })
    },
  }
}
