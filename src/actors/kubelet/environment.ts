/**
 * The environment, command and arguments of a container: pure.
 *
 * Follows Kubernetes' `makeEnvironmentVariables` and its `$(VAR)` expansion. Invariant: a reference to
 * something that is missing and not optional throws ConfigError with Kubernetes' words; nothing is fetched
 * here: whoever calls has gathered the ConfigMaps and Secrets in `sources`.
 */
import type { ConfigMap } from '../../api/core/config-map.ts'
import type { Pod } from '../../api/core/pod.ts'
import type { Secret } from '../../api/core/secret.ts'
import type { Service } from '../../api/core/service.ts'
import { milliValue, value as quantityValue } from '../../api/quantity.ts'
import { allContainersOf, type PodContainer } from './pod-view.ts'

/** A container cannot be made as its spec asks; shown as CreateContainerConfigError. */
export class ConfigError extends Error {}

/** The objects a pod refers to; absent means not found. */
export interface ConfigSources {
  configMap(name: string): ConfigMap | undefined
  secret(name: string): Secret | undefined
}

export interface PodFacts {
  hostIP: string
  podIP: string
  /** What a missing limit amounts to. */
  allocatable: { readonly [resource: string]: string }
}

type EnvVar = NonNullable<PodContainer['env']>[number]
type Resolved = Map<string, string>

export const environmentOf = (
  pod: Pod,
  container: PodContainer,
  sources: ConfigSources,
  facts: PodFacts,
  services: ReadonlyMap<string, string>,
): Resolved => {
  const result: Resolved = new Map()
  for (const from of container.envFrom ?? []) addFrom(from, sources, result)
  const lookup = (name: string) => result.get(name) ?? services.get(name)
  for (const variable of container.env ?? []) {
    const text = variable.valueFrom
      ? valueFrom(pod, container, variable, sources, facts)
      : expand(variable.value ?? '', lookup)
    if (text !== undefined) result.set(variable.name, text)
  }
  for (const [name, text] of services) if (!result.has(name)) result.set(name, text)
  return result
}

/** Replaces `$(NAME)`; unknown names stay as written, `$$` is a dollar sign. */
export const expand = (text: string, lookup: (name: string) => string | undefined): string =>
  text.includes('$')
    ? text.replace(/\$(\$|\(([^)]*)\))/g, (whole, after: string, name: string | undefined) =>
        after === '$' ? '$' : (lookup(name ?? '') ?? whole),
      )
    : text

type EnvFrom = NonNullable<PodContainer['envFrom']>[number]

const addFrom = (from: EnvFrom, sources: ConfigSources, result: Resolved): void => {
  const prefix = from.prefix ?? ''
  if (from.configMapRef) {
    const { name = '', optional } = from.configMapRef
    const found = sources.configMap(name)
    if (!found && !optional) throw new ConfigError(`configmap "${name}" not found`)
    for (const [key, text] of Object.entries(found?.data ?? {})) result.set(prefix + key, text)
  }
  if (from.secretRef) {
    const { name = '', optional } = from.secretRef
    const found = sources.secret(name)
    if (!found && !optional) throw new ConfigError(`secret "${name}" not found`)
    for (const [key, text] of Object.entries(found?.data ?? {}))
      result.set(prefix + key, Buffer.from(text, 'base64').toString('utf8'))
  }
}

const valueFrom = (
  pod: Pod,
  container: PodContainer,
  { valueFrom: source }: EnvVar,
  sources: ConfigSources,
  facts: PodFacts,
): string | undefined => {
  const { namespace } = pod.metadata
  if (source?.fieldRef) return fieldValue(pod, source.fieldRef.fieldPath, facts)
  if (source?.resourceFieldRef)
    return resourceValue(pod, container, source.resourceFieldRef, facts.allocatable)
  if (source?.configMapKeyRef) {
    const { name = '', key, optional } = source.configMapKeyRef
    const found = sources.configMap(name)
    const text = found?.data?.[key]
    if (text !== undefined) return text
    if (optional) return undefined
    if (!found) throw new ConfigError(`configmap "${name}" not found`)
    throw new ConfigError(`couldn't find key ${key} in ConfigMap ${namespace}/${name}`)
  }
  if (source?.secretKeyRef) {
    const { name = '', key, optional } = source.secretKeyRef
    const found = sources.secret(name)
    const text = found?.data?.[key]
    if (text !== undefined) return Buffer.from(text, 'base64').toString('utf8')
    if (optional) return undefined
    if (!found) throw new ConfigError(`secret "${name}" not found`)
    throw new ConfigError(`couldn't find key ${key} in Secret ${namespace}/${name}`)
  }
  return undefined
}

const SUBSCRIPT = /^metadata\.(labels|annotations)\['(.*)'\]$/

/** The value of a downward API field; throws ConfigError for a path that is none. */
export const fieldValue = (pod: Pod, path: string, facts: PodFacts): string => {
  const { metadata, spec } = pod
  const subscript = SUBSCRIPT.exec(path)
  if (subscript) return metadata[subscript[1] as 'labels' | 'annotations']?.[subscript[2]!] ?? ''
  switch (path) {
    case 'metadata.name':
      return metadata.name
    case 'metadata.namespace':
      return metadata.namespace ?? ''
    case 'metadata.uid':
      return metadata.uid
    case 'metadata.labels':
      return formatMap(metadata.labels)
    case 'metadata.annotations':
      return formatMap(metadata.annotations)
    case 'spec.nodeName':
      return spec?.nodeName ?? ''
    case 'spec.serviceAccountName':
      return spec?.serviceAccountName ?? ''
    case 'status.hostIP':
    case 'status.hostIPs':
      return facts.hostIP
    case 'status.podIP':
    case 'status.podIPs':
      return facts.podIP
    default:
      throw new ConfigError(`unsupported fieldPath: ${path}`)
  }
}

const formatMap = (map: { readonly [key: string]: string } = {}): string =>
  Object.keys(map)
    .sort()
    .map((key) => `${key}=${JSON.stringify(map[key])}`)
    .join('\n')

interface ResourceSelector {
  containerName?: string
  resource: string
  divisor?: string
}

/** `limits.cpu` and the like in units of the divisor, rounded up; a missing limit is the node's. */
export const resourceValue = (
  pod: Pod,
  container: PodContainer | undefined,
  selector: ResourceSelector,
  allocatable: PodFacts['allocatable'],
): string => {
  const named = selector.containerName
    ? allContainersOf(pod).find(({ name }) => name === selector.containerName)
    : container
  if (!named) throw new ConfigError(`container ${selector.containerName} not found`)
  const [side, ...rest] = selector.resource.split('.')
  const resource = rest.join('.')
  const limit = named.resources?.limits?.[resource] ?? allocatable[resource]
  const amount = side === 'requests' ? named.resources?.requests?.[resource] : limit
  const divisor = selector.divisor && selector.divisor !== '0' ? selector.divisor : '1'
  if (resource === 'cpu')
    return String(Math.ceil(milliValue(amount) / Math.max(1, milliValue(divisor))))
  return String(Math.ceil(quantityValue(amount) / Math.max(1, quantityValue(divisor))))
}

const variableName = (service: string): string => service.toUpperCase().replaceAll('-', '_')

/** Kubernetes' variables for the services a container may use, docker links included. */
export const serviceEnvironment = (services: readonly Service[]): Map<string, string> => {
  const result: Resolved = new Map()
  for (const { metadata, spec } of services) {
    const ip = spec?.clusterIP
    const ports = spec?.ports ?? []
    if (!ip || ip === 'None' || ports.length === 0) continue
    const name = variableName(metadata.name)
    result.set(`${name}_SERVICE_HOST`, ip)
    result.set(`${name}_SERVICE_PORT`, String(ports[0]!.port))
    for (const port of ports)
      if (port.name)
        result.set(`${name}_SERVICE_PORT_${variableName(port.name)}`, String(port.port))
    ports.forEach(({ port, protocol = 'TCP' }, index) => {
      const address = `${protocol.toLowerCase()}://${ip}:${port}`
      if (index === 0) result.set(`${name}_PORT`, address)
      const link = `${name}_PORT_${port}_${protocol}`
      result.set(link, address)
      result.set(`${link}_PROTO`, protocol.toLowerCase())
      result.set(`${link}_PORT`, String(port))
      result.set(`${link}_ADDR`, ip)
    })
  }
  return result
}
