/**
 * A CIDR in canonical form, for the newer kinds that accept no other.
 *
 * The lenient rule of older fields is `checkCidr`; this adds Kubernetes' `IsValidCIDR`.
 */
import { canonicalAddress, canonicalMessage } from '../ip-network.ts'
import { type FieldError, invalidField } from '../status-error.ts'
import { checkCidr } from './field-rules.ts'

export const checkCanonicalCidr = (errors: FieldError[], path: string, cidr: string): void => {
  const before = errors.length
  checkCidr(errors, path, cidr)
  if (errors.length > before) return
  const [address = '', length = ''] = cidr.split('/')
  const canonical = `${canonicalAddress(address)}/${length}`
  if (canonical !== cidr) errors.push(invalidField(path, cidr, canonicalMessage(canonical)))
}
