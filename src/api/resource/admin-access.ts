/**
 * Access to devices for administration, beside whoever uses them: only for claims in namespaces made for it.
 *
 * Kubernetes 1.36 asks for a label of the namespace (`pkg/registry/resource/utils.go`).
 */
import { type FieldError, forbiddenField } from '../status-error.ts'
import type { ClaimSpec } from './claim-spec.ts'

const LABEL = 'resource.kubernetes.io/admin-access'

/** `labels` are the namespace's. The path is the same for claims and for templates of them. */
export const adminAccessErrors = (
  spec: ClaimSpec | undefined,
  labels: Readonly<Record<string, string>> | undefined,
): FieldError[] => {
  const index = (spec?.devices?.requests ?? []).findIndex(({ exactly }) => exactly?.adminAccess)
  if (index < 0 || labels?.[LABEL] === 'true') return []
  const why = `admin access to devices requires the \`${LABEL}: true\` label on the containing namespace`
  return [forbiddenField(`spec.devices.requests[${index}].adminAccess`, why)]
}
