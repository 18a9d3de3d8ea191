/**
 * Whether a certificate and a private key in PEM belong together, as Go's `tls.X509KeyPair` puts it.
 *
 * Takes the texts as they are in a Secret; a certificate or key that cannot be parsed is said to be so in few
 * words, where Go tells more.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto'

export const keyPairWarnings = (certificates: string, key: string): string[] => {
  const fault = certificateFault(certificates) ?? keyFault(key)
  if (fault) return [fault]
  let certificate: X509Certificate
  try {
    certificate = new X509Certificate(certificates)
  } catch {
    return ['x509: malformed certificate']
  }
  try {
    const privateKey = createPrivateKey(key)
    if (privateKey.asymmetricKeyType !== certificate.publicKey.asymmetricKeyType) {
      return ['tls: private key type does not match public key type']
    }
    const isPair = certificate.checkPrivateKey(privateKey)
    return isPair ? [] : ['tls: private key does not match public key']
  } catch {
    return ['tls: failed to parse private key']
  }
}

const blockTypesOf = (text: string): string[] =>
  [...text.matchAll(/^-----BEGIN (.+)-----\r?$/gm)].map(([, type]) => type!)

const isKey = (type: string): boolean => type === 'PRIVATE KEY' || type.endsWith(' PRIVATE KEY')

const certificateFault = (text: string): string | undefined => {
  const types = blockTypesOf(text)
  if (types.includes('CERTIFICATE')) return undefined
  if (types.length === 0) return 'tls: failed to find any PEM data in certificate input'
  if (types.length === 1 && types[0]!.endsWith('PRIVATE KEY')) {
    return 'tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may have been switched'
  }
  return `tls: failed to find "CERTIFICATE" PEM block in certificate input after skipping PEM blocks of the following types: [${types.join(' ')}]`
}

const keyFault = (text: string): string | undefined => {
  const types = blockTypesOf(text)
  if (types.some(isKey)) return undefined
  if (types.length === 0) return 'tls: failed to find any PEM data in key input'
  if (types.length === 1 && types[0] === 'CERTIFICATE') {
    return 'tls: found a certificate rather than a key in the PEM for the private key'
  }
  return `tls: failed to find PEM block with type ending in "PRIVATE KEY" in key input after skipping PEM blocks of the following types: [${types.join(' ')}]`
}
