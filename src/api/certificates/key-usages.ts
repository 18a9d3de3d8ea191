/**
 * The usages of a CertificateSigningRequest as X.509 writes them.
 *
 * Facts of Kubernetes 1.36 (`pkg/controller/certificates/authority/policies.go`) and RFC 5280.
 */

/** Bits of the KeyUsage extension, as numbers of their places. */
const KEY_USAGES: Readonly<Record<string, number>> = {
  signing: 0,
  'digital signature': 0,
  'content commitment': 1,
  'key encipherment': 2,
  'data encipherment': 3,
  'key agreement': 4,
  'cert sign': 5,
  'crl sign': 6,
  'encipher only': 7,
  'decipher only': 8,
}

const PKIX = '1.3.6.1.5.5.7.3'
/** In the order in which they are written. */
const EXTENDED_USAGES: readonly (readonly [usage: string, oid: string])[] = [
  ['any', '2.5.29.37.0'],
  ['server auth', `${PKIX}.1`],
  ['client auth', `${PKIX}.2`],
  ['code signing', `${PKIX}.3`],
  ['email protection', `${PKIX}.4`],
  ['s/mime', `${PKIX}.4`],
  ['ipsec end system', `${PKIX}.5`],
  ['ipsec tunnel', `${PKIX}.6`],
  ['ipsec user', `${PKIX}.7`],
  ['timestamping', `${PKIX}.8`],
  ['ocsp signing', `${PKIX}.9`],
  ['microsoft sgc', '1.3.6.1.4.1.311.10.3.3'],
  ['netscape sgc', '2.16.840.1.113730.4.1'],
]

/** `bits`: 1 << place. Throws Error for a usage that is none. */
export const x509UsagesOf = (usages: readonly string[]): { bits: number; extended: string[] } => {
  const unknown = usages.filter(
    (usage) =>
      !Object.hasOwn(KEY_USAGES, usage) && !EXTENDED_USAGES.some(([known]) => known === usage),
  )
  if (unknown.length > 0)
    throw new Error(
      `unrecognized usage values: [${unknown.map((usage) => JSON.stringify(usage)).join(' ')}]`,
    )
  let bits = 0
  for (const usage of usages) bits |= Object.hasOwn(KEY_USAGES, usage) ? 1 << KEY_USAGES[usage]! : 0
  const extended = EXTENDED_USAGES.filter(([usage]) => usages.includes(usage)).map(([, oid]) => oid)
  return { bits, extended: [...new Set(extended)] }
}
