/**
 * Validation of what the kubelet calls in a container: probes and lifecycle hooks.
 *
 * Each needs exactly one handler. Wording follows Kubernetes 1.36 (`validateProbe`, `validateHandler`).
 */
import type {
  V1HTTPGetAction,
  V1Lifecycle,
  V1LifecycleHandler,
  V1Probe,
} from '@kubernetes/client-node'
import type { Wire } from '../meta.ts'
import { httpHeaderErrors } from '../names.ts'
import { type FieldError, forbiddenField, invalidField, requiredField } from '../status-error.ts'
import { checkNonNegative, checkPort, isOneOf } from './field-rules.ts'
import type { PodSpec } from './pod-spec-defaults.ts'

type Probe = Wire<V1Probe>
type Handler = Pick<Probe, 'exec' | 'httpGet' | 'tcpSocket' | 'grpc'> &
  Pick<Wire<V1LifecycleHandler>, 'sleep'>

const HTTP_SCHEMES = ['HTTP', 'HTTPS']
/** Liveness and startup probes: the first success counts. */
export const checkLivenessProbe = (errors: FieldError[], path: string, probe: Probe): void => {
  checkProbe(errors, path, probe)
  if (probe.successThreshold !== 1) {
    errors.push(invalidField(`${path}.successThreshold`, probe.successThreshold, 'must be 1'))
  }
}

export const checkReadinessProbe = (errors: FieldError[], path: string, probe: Probe): void => {
  checkProbe(errors, path, probe)
  const grace = probe.terminationGracePeriodSeconds
  if (grace == null) return
  errors.push(
    invalidField(
      `${path}.terminationGracePeriodSeconds`,
      grace,
      'must not be set for readinessProbes',
    ),
  )
}

export const checkLifecycle = (
  errors: FieldError[],
  path: string,
  { postStart, preStop }: Wire<V1Lifecycle>,
  spec: PodSpec,
): void => {
  const grace = spec.terminationGracePeriodSeconds
  if (postStart) checkHandler(errors, `${path}.postStart`, postStart, grace)
  if (preStop) checkHandler(errors, `${path}.preStop`, preStop, grace)
}

const checkProbe = (errors: FieldError[], path: string, probe: Probe): void => {
  checkHandler(errors, path, probe, undefined)
  checkNonNegative(errors, `${path}.initialDelaySeconds`, probe.initialDelaySeconds)
  checkNonNegative(errors, `${path}.timeoutSeconds`, probe.timeoutSeconds)
  checkNonNegative(errors, `${path}.periodSeconds`, probe.periodSeconds)
  checkNonNegative(errors, `${path}.successThreshold`, probe.successThreshold)
  checkNonNegative(errors, `${path}.failureThreshold`, probe.failureThreshold)
  const grace = probe.terminationGracePeriodSeconds
  if (grace != null && grace <= 0) {
    errors.push(
      invalidField(`${path}.terminationGracePeriodSeconds`, grace, 'must be greater than 0'),
    )
  }
}

const HANDLERS = ['exec', 'httpGet', 'tcpSocket', 'grpc', 'sleep'] as const

/** The first handler is checked; any further one is one too many. */
const checkHandler = (
  errors: FieldError[],
  path: string,
  handler: Handler,
  graceSeconds: number | undefined,
): void => {
  let found = false
  for (const field of HANDLERS) {
    if (!handler[field]) continue
    const at = `${path}.${field}`
    if (found) errors.push(forbiddenField(at, 'may not specify more than 1 handler type'))
    else checkAction(errors, at, handler, field, graceSeconds)
    found = true
  }
  if (!found) errors.push(requiredField(path, 'must specify a handler type'))
}

const checkAction = (
  errors: FieldError[],
  at: string,
  handler: Handler,
  field: (typeof HANDLERS)[number],
  graceSeconds: number | undefined,
): void => {
  switch (field) {
    case 'exec':
      if (!handler.exec?.command?.length) errors.push(requiredField(`${at}.command`))
      break
    case 'httpGet':
      checkHttpGet(errors, at, handler.httpGet!)
      break
    case 'tcpSocket':
      checkPort(errors, `${at}.port`, handler.tcpSocket?.port)
      break
    case 'grpc':
      checkPort(errors, `${at}.port`, handler.grpc?.port)
      break
    case 'sleep': {
      const seconds = handler.sleep?.seconds ?? 0
      if (graceSeconds == null || (seconds >= 0 && seconds <= graceSeconds)) break
      const why = `must be non-negative and less than terminationGracePeriodSeconds (${graceSeconds})`
      errors.push(invalidField(at, seconds, why))
    }
  }
}

const checkHttpGet = (errors: FieldError[], at: string, action: Wire<V1HTTPGetAction>): void => {
  if (!action.path) errors.push(requiredField(`${at}.path`))
  checkPort(errors, `${at}.port`, action.port)
  isOneOf(errors, `${at}.scheme`, action.scheme ?? '', HTTP_SCHEMES)
  for (const { name } of action.httpHeaders ?? []) {
    for (const fault of httpHeaderErrors(name)) {
      errors.push(invalidField(`${at}.httpHeaders`, name, fault))
    }
  }
}
