/**
 * What `spec.conversion` of a CustomResourceDefinition must satisfy.
 *
 * After Kubernetes' `apiextensions/validation/validation.go` and `apiserver/pkg/util/webhook/validation.go`; paths
 * are those of Kubernetes' internal form. Invariant: pure.
 */
import { X509Certificate } from 'node:crypto'
import { dns1035LabelErrors, portNumberErrors } from '../names.ts'
import {
  type FieldError,
  forbiddenField,
  invalidField,
  requiredField,
  unsupportedField,
} from '../status-error.ts'
import type { CustomResourceDefinition, DefinitionSpec } from './custom-resource-definition.ts'
import { isEstablished } from './definition-status.ts'

type Webhook = NonNullable<NonNullable<DefinitionSpec['conversion']>['webhook']>
type ClientConfig = NonNullable<Webhook['clientConfig']>

const STRATEGIES = ['None', 'Webhook']
const PATH = 'spec.conversion'
const REVIEW_VERSIONS = ['v1', 'v1beta1']

export const validateConversion = (
  { conversion, preserveUnknownFields }: DefinitionSpec,
  old: CustomResourceDefinition | undefined,
): FieldError[] => {
  if (!conversion) return []
  const errors: FieldError[] = []
  const { strategy, webhook } = conversion
  if (strategy !== 'None' && preserveUnknownFields === true)
    errors.push(
      invalidField(
        `${PATH}.strategy`,
        strategy,
        'must be None if spec.preserveUnknownFields is true',
      ),
    )
  if (!strategy) errors.push(requiredField(`${PATH}.strategy`))
  else if (!STRATEGIES.includes(strategy))
    errors.push(unsupportedField(`${PATH}.strategy`, strategy, STRATEGIES))
  const configPath = `${PATH}.webhookClientConfig`
  const versionsPath = `${PATH}.conversionReviewVersions`
  if (strategy !== 'Webhook') {
    const detail = 'should not be set when strategy is not set to Webhook'
    if (webhook?.clientConfig) errors.push(forbiddenField(configPath, detail))
    if (webhook?.conversionReviewVersions?.length) errors.push(forbiddenField(versionsPath, detail))
    return errors
  }
  if (!webhook?.clientConfig)
    errors.push(requiredField(configPath, 'required when strategy is set to Webhook'))
  else errors.push(...configFaults(webhook.clientConfig, configPath, old))
  errors.push(...reviewVersionFaults(webhook?.conversionReviewVersions ?? [], versionsPath, old))
  return errors
}

const configFaults = (
  { url, service, caBundle }: ClientConfig,
  path: string,
  old: CustomResourceDefinition | undefined,
): FieldError[] => {
  const errors: FieldError[] = []
  if ((url === undefined) === (service === undefined))
    errors.push(requiredField(path, 'exactly one of url or service is required'))
  else if (url !== undefined) errors.push(...urlFaults(url, `${path}.url`))
  else if (service) {
    const at = `${path}.service`
    if (!service.name) errors.push(requiredField(`${at}.name`, 'service name is required'))
    if (!service.namespace)
      errors.push(requiredField(`${at}.namespace`, 'service namespace is required'))
    if (service.path !== undefined) errors.push(...pathFaults(service.path, `${at}.path`))
    for (const fault of portNumberErrors(service.port ?? 443))
      errors.push(invalidField(`${at}.port`, service.port, `port is not valid: ${fault}`))
  }
  const before = old?.spec.conversion?.webhook?.clientConfig?.caBundle
  const mayBeInvalid =
    !old || !isEstablished(old) || (before !== undefined && bundleFault(before) !== undefined)
  const fault = caBundle && !mayBeInvalid ? bundleFault(caBundle) : undefined
  if (fault !== undefined)
    errors.push(
      invalidField(
        `${path}.caBundle`,
        Buffer.from(caBundle ?? '', 'base64').toString(),
        `unable to load root certificates: ${fault}`,
      ),
    )
  return errors
}

const urlFaults = (text: string, path: string): FieldError[] => {
  const form = 'desired format: https://host[/path]'
  if (!URL.canParse(text))
    return [requiredField(path, `url must be a valid URL: parse ${JSON.stringify(text)}; ${form}`)]
  const errors: FieldError[] = []
  const url = new URL(text)
  const refuse = (value: string, detail: string) =>
    errors.push(invalidField(path, value, `${detail}; ${form}`))
  if (url.protocol !== 'https:')
    refuse(url.protocol.slice(0, -1), "'https' is the only allowed URL scheme")
  if (!url.host) refuse(url.host, 'host must be specified')
  if (url.username || url.password)
    refuse(url.username, 'user information is not permitted in the URL')
  if (url.hash) refuse(url.hash.slice(1), 'fragments are not permitted in the URL')
  if (url.search) refuse(url.search.slice(1), 'query parameters are not permitted in the URL')
  return errors
}

const SEGMENT = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/

const pathFaults = (path: string, place: string): FieldError[] => {
  if (path === '/' || path === '') return []
  if (path === '//') return [invalidField(place, path, 'segment[0] may not be empty')]
  if (!path.startsWith('/')) return [invalidField(place, path, "must start with a '/'")]
  const segments = path.slice(1).replace(/\/$/, '').split('/')
  return segments.flatMap((segment, at) => {
    if (segment === '') return [invalidField(place, path, `segment[${at}] may not be empty`)]
    return SEGMENT.test(segment)
      ? []
      : [invalidField(place, path, `segment[${at}]: must be a DNS subdomain`)]
  })
}

const bundleFault = (bundle: string): string | undefined => {
  const pem = Buffer.from(bundle, 'base64').toString()
  const certificates = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g)
  if (!certificates) return 'unable to parse bytes as PEM block'
  try {
    for (const certificate of certificates) new X509Certificate(certificate)
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

const reviewVersionFaults = (
  versions: readonly string[],
  path: string,
  old: CustomResourceDefinition | undefined,
): FieldError[] => {
  if (versions.length === 0) return [requiredField(path)]
  const errors: FieldError[] = []
  const isKnown = (version: string) => REVIEW_VERSIONS.includes(version)
  for (const [at, version] of versions.entries()) {
    if (versions.indexOf(version) < at)
      errors.push(invalidField(`${path}[${at}]`, version, 'duplicate version'))
    else
      for (const fault of dns1035LabelErrors(version))
        errors.push(invalidField(`${path}[${at}]`, version, fault))
  }
  const before = old?.spec.conversion?.webhook?.conversionReviewVersions ?? []
  const mustBeKnown = before.length === 0 || before.some(isKnown)
  if (mustBeKnown && !versions.some(isKnown))
    errors.push(
      invalidField(path, versions, `must include at least one of ${REVIEW_VERSIONS.join(', ')}`),
    )
  return errors
}
