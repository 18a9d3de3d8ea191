/**
 * Validation of an Ingress: rules, backends, TLS and the status a controller writes.
 *
 * Order and wording follow Kubernetes 1.36 (`pkg/apis/networking/validation`). It does not look whether
 * Services, Secrets or classes exist.
 */
import type {
  V1HTTPIngressPath,
  V1IngressBackend,
  V1IngressRule,
  V1TypedLocalObjectReference,
} from '@kubernetes/client-node'
import {
  checkDnsLabel,
  checkDnsSubdomain,
  checkIp,
  checkPathSegment,
  isOneOf,
} from '../core/field-rules.ts'
import { isSloppyAddress } from '../ip-network.ts'
import type { Wire } from '../meta.ts'
import { portNameErrors, portNumberErrors, wildcardSubdomainErrors } from '../names.ts'
import { type FieldError, invalidField, requiredField } from '../status-error.ts'
import type { Ingress } from './ingress.ts'

type Spec = NonNullable<Ingress['spec']>

const CLASS_ANNOTATION = 'kubernetes.io/ingress.class'
const PATH_TYPES = ['Exact', 'ImplementationSpecific', 'Prefix']
const BAD_SEQUENCES = ['//', '/./', '/../', '%2f', '%2F']
const BAD_SUFFIXES = ['/..', '/.']

export const validateIngress = (ingress: Ingress, old?: Ingress): FieldError[] => {
  const errors: FieldError[] = []
  const spec = ingress.spec ?? {}
  if (!spec.rules?.length && !spec.defaultBackend) {
    const why = 'either `defaultBackend` or `rules` must be specified'
    errors.push(invalidField('spec', spec.rules ?? null, why))
  }
  if (spec.defaultBackend) checkBackend(errors, 'spec.defaultBackend', spec.defaultBackend)
  for (const [index, rule] of (spec.rules ?? []).entries()) {
    checkRule(errors, `spec.rules[${index}]`, rule)
  }
  checkTls(errors, spec.tls)
  if (spec.ingressClassName != null) {
    checkDnsSubdomain(errors, 'spec.ingressClassName', spec.ingressClassName)
  }
  if (!old) checkClassAnnotation(errors, ingress)
  return errors
}

const checkClassAnnotation = (errors: FieldError[], { metadata, spec }: Ingress): void => {
  const annotation = metadata.annotations?.[CLASS_ANNOTATION]
  const className = spec?.ingressClassName
  if (annotation === undefined || className == null || annotation === className) return
  const why = 'must match `ingressClassName` when both are specified'
  errors.push(invalidField(`annotations.${CLASS_ANNOTATION}`, annotation, why))
}

const checkHost = (errors: FieldError[], path: string, host: string): void => {
  if (!host.includes('*')) {
    checkDnsSubdomain(errors, path, host)
    return
  }
  for (const fault of wildcardSubdomainErrors(host)) errors.push(invalidField(path, host, fault))
}

const checkRule = (errors: FieldError[], at: string, { host, http }: Wire<V1IngressRule>): void => {
  if (host) {
    if (isSloppyAddress(host)) {
      errors.push(invalidField(`${at}.host`, host, 'must be a DNS name, not an IP address'))
    }
    checkHost(errors, `${at}.host`, host)
  }
  if (!http) return
  if (!http.paths?.length) errors.push(requiredField(`${at}.http.paths`))
  for (const [index, path] of (http.paths ?? []).entries()) {
    checkPath(errors, `${at}.http.paths[${index}]`, path)
  }
}

const checkPath = (errors: FieldError[], at: string, rule: Wire<V1HTTPIngressPath>): void => {
  const { pathType, path = '' } = rule
  if (pathType == null) {
    errors.push(requiredField(`${at}.pathType`, 'pathType must be specified'))
    return
  }
  const refuse = (why: string) => errors.push(invalidField(`${at}.path`, path, why))
  const isFree = pathType === 'ImplementationSpecific'
  if (!PATH_TYPES.includes(pathType)) isOneOf(errors, `${at}.pathType`, pathType, PATH_TYPES)
  else {
    if (!path.startsWith('/') && !(isFree && path === '')) refuse('must be an absolute path')
    if (!isFree) {
      for (const part of BAD_SEQUENCES) {
        if (path.includes(part)) refuse(`must not contain '${part}'`)
      }
      for (const end of BAD_SUFFIXES) if (path.endsWith(end)) refuse(`cannot end with '${end}'`)
    }
  }
  checkBackend(errors, `${at}.backend`, rule.backend ?? {})
}

const checkBackend = (
  errors: FieldError[],
  at: string,
  { resource, service }: Wire<V1IngressBackend>,
): void => {
  if (resource && service) {
    errors.push(invalidField(at, '', 'cannot set both resource and service backends'))
  } else if (resource) checkReference(errors, `${at}.resource`, resource)
  else if (service) checkServiceBackend(errors, at, service)
  else errors.push(invalidField(at, '', 'resource or service backend is required'))
}

const checkServiceBackend = (
  errors: FieldError[],
  at: string,
  { name, port }: NonNullable<Wire<V1IngressBackend>['service']>,
): void => {
  if (!name) errors.push(requiredField(`${at}.service.name`))
  else checkDnsLabel(errors, `${at}.service.name`, name)
  const report = (field: string, value: unknown, faults: string[]) => {
    for (const fault of faults)
      errors.push(invalidField(`${at}.service.port.${field}`, value, fault))
  }
  if (port?.name && port.number) {
    errors.push(invalidField(at, '', 'cannot set both port name & port number'))
  } else if (port?.name) report('name', port.name, portNameErrors(port.name))
  else if (port?.number) report('number', port.number, portNumberErrors(port.number))
  else errors.push(requiredField(at, 'port name or number is required'))
}

const checkReference = (
  errors: FieldError[],
  path: string,
  { apiGroup, kind, name }: Wire<V1TypedLocalObjectReference>,
): void => {
  if (apiGroup != null) checkDnsSubdomain(errors, `${path}.apiGroup`, apiGroup)
  if (!kind) errors.push(requiredField(`${path}.kind`))
  else checkPathSegment(errors, `${path}.kind`, kind)
  if (!name) errors.push(requiredField(`${path}.name`))
  else checkPathSegment(errors, `${path}.name`, name)
}

const checkTls = (errors: FieldError[], entries: Spec['tls'] = []): void => {
  for (const [index, { hosts, secretName }] of entries.entries()) {
    const at = `spec.tls[${index}]`
    for (const [position, host] of (hosts ?? []).entries()) {
      checkHost(errors, `${at}.hosts[${position}]`, host)
    }
    if (secretName) checkDnsSubdomain(errors, `${at}.secretName`, secretName)
  }
}

export const validateIngressStatusUpdate = (ingress: Ingress, old: Ingress): FieldError[] => {
  const errors: FieldError[] = []
  const known = (old.status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => (ip ? [ip] : []))
  for (const [index, point] of (ingress.status?.loadBalancer?.ingress ?? []).entries()) {
    const at = `status.loadBalancer.ingress[${index}]`
    if (point.ip) checkIp(errors, `${at}.ip`, point.ip, known)
    if (!point.hostname) continue
    checkDnsSubdomain(errors, `${at}.hostname`, point.hostname)
    if (isSloppyAddress(point.hostname)) {
      const why = 'must be a DNS name, not an IP address'
      errors.push(invalidField(`${at}.hostname`, point.hostname, why))
    }
  }
  return errors
}
