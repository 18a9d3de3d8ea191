/**
 * The name of a signer: a domain and a path, `example.com/signer-name`.
 *
 * Wording and order follow Kubernetes 1.36 (`ValidateSignerName` in `pkg/apis/core/validation`).
 */
import { dns1123LabelErrors, dns1123SubdomainErrors } from '../names.ts'
import { type FieldError, invalidField, requiredField, tooLongField } from '../status-error.ts'

const DOMAIN_MAX = 253
/** Domain, slash, namespace, dot and name. */
const NAME_MAX = DOMAIN_MAX + 1 + 63 + 1 + 253

export const checkSignerName = (errors: FieldError[], path: string, name: string): void => {
  if (!name) {
    errors.push(requiredField(path))
    return
  }
  const segments = name.split('/')
  const [domain = '', rest = ''] = segments
  if (segments.length !== 2) {
    const why = "must be a fully qualified domain and path of the form 'example.com/signer-name'"
    errors.push(invalidField(path, name, why))
    return
  }
  if (domain.length > DOMAIN_MAX) errors.push(tooLongField(path, DOMAIN_MAX))
  const labels = domain.split('.')
  checkEach(errors, path, domain, labels, dns1123LabelErrors)
  if (labels.length < 2) {
    const why = 'should be a domain with at least two segments separated by dots'
    errors.push(invalidField(path, domain, why))
  }
  checkEach(errors, path, rest, rest.split('.'), dns1123SubdomainErrors)
  if (name.length > NAME_MAX) errors.push(tooLongField(path, NAME_MAX))
}

/** Reports the first label that is wrong. */
const checkEach = (
  errors: FieldError[],
  path: string,
  shown: string,
  labels: readonly string[],
  rule: (text: string) => string[],
): void => {
  for (const label of labels) {
    const faults = rule(label)
    for (const fault of faults)
      errors.push(invalidField(path, shown, `validating label ${JSON.stringify(label)}: ${fault}`))
    if (faults.length > 0) return
  }
}
