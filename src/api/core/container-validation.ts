/**
 * Validation of the containers of a pod's spec: names, image, ports, environment, mounts, policies.
 *
 * Paths, order and wording follow Kubernetes' `pkg/apis/core/validation/validation.go` 1.36 with the feature
 * gates it enables by default. Probes, resources and security contexts have files of their own.
 */
import type { V1ContainerResizePolicy, V1EphemeralContainer } from '@kubernetes/client-node'
import type { Wire } from '../meta.ts'
import {
  duplicateField,
  type FieldError,
  forbiddenField,
  invalidField,
  notFoundField,
  requiredField,
  tooManyField,
  unsupportedField,
} from '../status-error.ts'
import { checkEnv, checkEnvFrom } from './env-validation.ts'
import {
  checkDnsLabel,
  checkPortNumber,
  isOneOf,
  PROTOCOLS,
  portNameFaults,
} from './field-rules.ts'
import type { Container, PodSpec, Volume } from './pod-spec-defaults.ts'
import { checkLifecycle, checkLivenessProbe, checkReadinessProbe } from './probe-validation.ts'
import { checkContainerResources } from './resource-validation.ts'
import { checkContainerSecurity } from './security-validation.ts'
import { checkVolumeDevices, checkVolumeMounts } from './volume-mount-validation.ts'

/** What the checks of one container need to know about its pod. */
export interface PodScope {
  spec: PodSpec
  volumes: ReadonlyMap<string, Volume>
  /** False when the pod asks for a user namespace of its own. */
  hostUsers: boolean
}

const PULL_POLICIES = ['Always', 'IfNotPresent', 'Never']
const MESSAGE_POLICIES = ['File', 'FallbackToLogsOnError']
const RESTART_POLICIES = ['Always', 'Never', 'OnFailure']
const RULE_ACTIONS = ['Restart', 'RestartAllContainers']
const RULE_OPERATORS = ['In', 'NotIn']
const RESIZE_RESOURCES = ['cpu', 'memory']
const RESIZE_POLICIES = ['NotRequired', 'RestartContainer']
const MAX_RESTART_RULES = 20
const MAX_EXIT_CODES = 255

export const checkContainers = (errors: FieldError[], path: string, scope: PodScope): void => {
  const { containers } = scope.spec
  if (!containers?.length) {
    errors.push(requiredField(path))
    return
  }
  const names = new Set<string>()
  for (let index = 0; index < containers.length; index++) {
    const container = containers[index]!
    const at = `${path}[${index}]`
    checkContainer(errors, at, container, scope)
    if (names.has(container.name)) errors.push(duplicateField(`${at}.name`, container.name))
    else names.add(container.name)
    checkHooks(errors, at, container, scope)
    checkContainerRestartPolicy(errors, at, container)
  }
  checkHostPortConflicts(errors, path, containers)
}

export const checkInitContainers = (errors: FieldError[], path: string, scope: PodScope): void => {
  const { initContainers } = scope.spec
  if (!initContainers?.length) return
  const names = new Set(scope.spec.containers?.map(({ name }) => name))
  for (let index = 0; index < initContainers.length; index++) {
    const container = initContainers[index]!
    const at = `${path}[${index}]`
    checkContainer(errors, at, container, scope)
    checkContainerRestartPolicy(errors, at, container)
    if (names.has(container.name)) errors.push(duplicateField(`${at}.name`, container.name))
    else if (container.name) names.add(container.name)
    checkHostPortConflicts(errors, path, [container])
    if (container.restartPolicy === 'Always') checkHooks(errors, at, container, scope)
    else forbidHooks(errors, at, container)
    if (container.restartPolicy === 'Always') continue
    for (const [position, policy] of (container.resizePolicy ?? []).entries()) {
      if (policy.restartPolicy !== 'RestartContainer') continue
      errors.push(
        invalidField(
          `${at}.resizePolicy[${position}].restartPolicy`,
          policy.restartPolicy,
          "must not be set to 'RestartContainer' for non-sidecar initContainers",
        ),
      )
    }
  }
}

/** Fields a debugging container may not have, in the order of the type. */
const NOT_FOR_EPHEMERAL = [
  'ports',
  'resources',
  'livenessProbe',
  'readinessProbe',
  'startupProbe',
  'lifecycle',
] as const

export const checkEphemeralContainers = (
  errors: FieldError[],
  path: string,
  scope: PodScope,
): void => {
  const { containers, initContainers, ephemeralContainers } = scope.spec
  if (!ephemeralContainers?.length) return
  const others = new Set([...(containers ?? []), ...(initContainers ?? [])].map(({ name }) => name))
  const names = new Set(others)
  for (const [index, container] of ephemeralContainers.entries()) {
    const at = `${path}[${index}]`
    checkContainer(errors, at, container, scope)
    checkImageWhitespace(errors, at, container.image)
    if (names.has(container.name)) errors.push(duplicateField(`${at}.name`, container.name))
    else names.add(container.name)
    const target = container.targetContainerName
    if (target && !others.has(target)) {
      errors.push(notFoundField(`${at}.targetContainerName`, target))
    }
    checkEphemeralFields(errors, at, container)
  }
}

const checkEphemeralFields = (
  errors: FieldError[],
  at: string,
  container: Wire<V1EphemeralContainer>,
): void => {
  const reason = 'cannot be set for an Ephemeral Container'
  for (const field of NOT_FOR_EPHEMERAL) {
    const value = container[field]
    if (value == null || Object.keys(value).length === 0) continue
    errors.push(forbiddenField(`${at}.${field}`, reason))
  }
  for (const [index, mount] of (container.volumeMounts ?? []).entries()) {
    const mountPath = `${at}.volumeMounts[${index}]`
    if (mount.subPath) errors.push(forbiddenField(`${mountPath}.subPath`, reason))
    if (mount.subPathExpr) errors.push(forbiddenField(`${mountPath}.subPathExpr`, reason))
  }
}

/** Spaces around an image's name: forbidden in a Pod, tolerated in a template for old objects' sake. */
export const checkImageWhitespace = (
  errors: FieldError[],
  at: string,
  image: string | undefined,
): void => {
  if (!image || image.length === image.trim().length) return
  errors.push(invalidField(`${at}.image`, image, 'must not have leading or trailing whitespace'))
}

const checkContainer = (
  errors: FieldError[],
  at: string,
  container: Container,
  scope: PodScope,
): void => {
  if (!container.name) errors.push(requiredField(`${at}.name`))
  else checkDnsLabel(errors, `${at}.name`, container.name)
  if (!container.image) errors.push(requiredField(`${at}.image`))
  const { terminationMessagePolicy, imagePullPolicy } = container
  if (!terminationMessagePolicy) errors.push(requiredField(`${at}.terminationMessagePolicy`))
  else isOneOf(errors, `${at}.terminationMessagePolicy`, terminationMessagePolicy, MESSAGE_POLICIES)
  checkPorts(errors, `${at}.ports`, container)
  checkEnv(errors, `${at}.env`, container.env)
  checkEnvFrom(errors, `${at}.envFrom`, container.envFrom)
  checkVolumeMounts(errors, `${at}.volumeMounts`, container, scope.volumes)
  checkVolumeDevices(errors, `${at}.volumeDevices`, container, scope.volumes)
  if (!imagePullPolicy) errors.push(requiredField(`${at}.imagePullPolicy`))
  else isOneOf(errors, `${at}.imagePullPolicy`, imagePullPolicy, PULL_POLICIES)
  checkContainerResources(errors, `${at}.resources`, container.resources, scope.spec.resourceClaims)
  checkResizePolicy(errors, `${at}.resizePolicy`, container.resizePolicy, scope.spec.restartPolicy)
  checkContainerSecurity(
    errors,
    `${at}.securityContext`,
    container.securityContext,
    scope.hostUsers,
  )
}

const checkPorts = (errors: FieldError[], path: string, { ports }: Container): void => {
  if (!ports?.length) return
  const names = new Set<string>()
  for (let index = 0; index < ports.length; index++) {
    const port = ports[index]!
    const at = `${path}[${index}]`
    if (port.name) {
      const faults = portNameFaults(port.name)
      if (faults.length > 0) {
        for (const fault of faults) errors.push(invalidField(`${at}.name`, port.name, fault))
      } else if (names.has(port.name)) errors.push(duplicateField(`${at}.name`, port.name))
      else names.add(port.name)
    }
    if (!port.containerPort) errors.push(requiredField(`${at}.containerPort`))
    else checkPortNumber(errors, `${at}.containerPort`, port.containerPort)
    if (port.hostPort) checkPortNumber(errors, `${at}.hostPort`, port.hostPort)
    if (!port.protocol) errors.push(requiredField(`${at}.protocol`))
    else isOneOf(errors, `${at}.protocol`, port.protocol, PROTOCOLS)
  }
}

/** No two containers of a pod may claim the same protocol, host address and host port. */
const checkHostPortConflicts = (
  errors: FieldError[],
  path: string,
  containers: readonly Container[],
): void => {
  let seen: Set<string> | undefined
  for (const [index, { ports }] of containers.entries()) {
    for (const [position, port] of (ports ?? []).entries()) {
      if (!port.hostPort) continue
      seen ??= new Set()
      const key = `${port.protocol}/${port.hostIP ?? ''}/${port.hostPort}`
      if (seen.has(key)) {
        errors.push(duplicateField(`${path}[${index}].ports[${position}].hostPort`, key))
      } else seen.add(key)
    }
  }
}

const checkHooks = (
  errors: FieldError[],
  at: string,
  container: Container,
  { spec }: PodScope,
): void => {
  if (container.lifecycle) checkLifecycle(errors, `${at}.lifecycle`, container.lifecycle, spec)
  if (container.livenessProbe) {
    checkLivenessProbe(errors, `${at}.livenessProbe`, container.livenessProbe)
  }
  if (container.readinessProbe) {
    checkReadinessProbe(errors, `${at}.readinessProbe`, container.readinessProbe)
  }
  // A startup probe has the rules of a liveness probe: one success is enough.
  if (container.startupProbe) {
    checkLivenessProbe(errors, `${at}.startupProbe`, container.startupProbe)
  }
}

const forbidHooks = (errors: FieldError[], at: string, container: Container): void => {
  for (const field of ['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'] as const) {
    if (!container[field]) continue
    errors.push(
      forbiddenField(
        `${at}.${field}`,
        'may not be set for init containers without restartPolicy=Always',
      ),
    )
  }
}

const checkContainerRestartPolicy = (
  errors: FieldError[],
  at: string,
  { restartPolicy, restartPolicyRules = [] }: Container,
): void => {
  if (restartPolicy == null) {
    if (restartPolicyRules.length === 0) return
    errors.push(
      requiredField(
        `${at}.restartPolicy`,
        'must specify restartPolicy when restart rules are used',
      ),
    )
  } else isOneOf(errors, `${at}.restartPolicy`, restartPolicy, RESTART_POLICIES)
  if (restartPolicyRules.length > MAX_RESTART_RULES) {
    errors.push(
      tooManyField(`${at}.restartPolicyRules`, restartPolicyRules.length, MAX_RESTART_RULES),
    )
  }
  for (const [index, { action, exitCodes }] of restartPolicyRules.entries()) {
    const rule = `${at}.restartPolicyRules[${index}]`
    isOneOf(errors, `${rule}.action`, action ?? '', RULE_ACTIONS)
    if (!exitCodes) {
      errors.push(requiredField(`${rule}.exitCodes`, 'must be specified'))
      continue
    }
    isOneOf(errors, `${rule}.exitCodes.operator`, exitCodes.operator ?? '', RULE_OPERATORS)
    const count = exitCodes.values?.length ?? 0
    if (count > MAX_EXIT_CODES) {
      errors.push(tooManyField(`${rule}.exitCodes.values`, count, MAX_EXIT_CODES))
    }
  }
}

const checkResizePolicy = (
  errors: FieldError[],
  path: string,
  policies: Wire<V1ContainerResizePolicy>[] | undefined,
  podRestartPolicy: string | undefined,
): void => {
  if (!policies?.length) return
  const seen = new Set<string>()
  for (const [index, { resourceName, restartPolicy }] of policies.entries()) {
    if (seen.has(resourceName)) errors.push(duplicateField(`${path}[${index}]`, resourceName))
    seen.add(resourceName)
    if (!resourceName) errors.push(requiredField(path))
    else isOneOf(errors, path, resourceName, RESIZE_RESOURCES)
    if (!restartPolicy) errors.push(requiredField(path))
    else if (!RESIZE_POLICIES.includes(restartPolicy)) {
      errors.push(unsupportedField(path, restartPolicy, RESIZE_POLICIES))
    }
    if (podRestartPolicy === 'Never' && restartPolicy !== 'NotRequired') {
      errors.push(
        invalidField(
          path,
          restartPolicy,
          "must be 'NotRequired' when pod `restartPolicy` is 'Never'",
        ),
      )
    }
  }
}
