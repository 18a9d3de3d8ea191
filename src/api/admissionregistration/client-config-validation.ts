/**
 * Where a webhook is called: a URL, or a Service of the cluster.
 *
 * Wording and order follow Kubernetes 1.36 (`apiserver/pkg/util/webhook/validation.go`).
 */
import type {
  AdmissionregistrationV1ServiceReference,
  AdmissionregistrationV1WebhookClientConfig,
} from '@kubernetes/client-node'
import type { Wire } from '../meta.ts'
import { dns1123SubdomainErrors } from '../names.ts'
import { type FieldError, invalidField, requiredField } from '../status-error.ts'

type ClientConfig = Wire<AdmissionregistrationV1WebhookClientConfig>
type ServiceReference = Wire<AdmissionregistrationV1ServiceReference>

const FORM = '; desired format: https://host[/path]'
const HTTPS_PORT = 443
/** Scheme, user, host, path, query, fragment. */
const URL_PARTS =
  /^(?:([^:/?#]+):)?(?:\/\/(?:([^/?#@]*)@)?([^/?#]*))?[^?#]*(?:\?([^#]*))?(?:#(.*))?$/s

export const applyClientConfigDefaults = (config: ClientConfig | undefined): void => {
  if (config?.service) config.service.port ??= HTTPS_PORT
}

export const checkClientConfig = (
  errors: FieldError[],
  path: string,
  config: ClientConfig = {},
): void => {
  const { url, service } = config
  if ((url === undefined) === (service === undefined))
    errors.push(requiredField(path, 'exactly one of url or service is required'))
  else if (url !== undefined) checkUrl(errors, `${path}.url`, url)
  else checkService(errors, `${path}.service`, service!)
}

const checkUrl = (errors: FieldError[], path: string, url: string): void => {
  const [, scheme = '', user, host = '', query, fragment] = URL_PARTS.exec(url) ?? []
  const refuse = (value: string, why: string) => errors.push(invalidField(path, value, why))
  if (scheme !== 'https') refuse(scheme, `'https' is the only allowed URL scheme${FORM}`)
  if (!host) refuse(host, `host must be specified${FORM}`)
  if (user !== undefined) refuse(user, 'user information is not permitted in the URL')
  if (fragment) refuse(fragment, 'fragments are not permitted in the URL')
  if (query) refuse(query, 'query parameters are not permitted in the URL')
}

const checkService = (errors: FieldError[], path: string, service: ServiceReference): void => {
  const { name, namespace, port = HTTPS_PORT, path: urlPath } = service
  if (!name) errors.push(requiredField(`${path}.name`, 'service name is required'))
  if (!namespace) errors.push(requiredField(`${path}.namespace`, 'service namespace is required'))
  if (port < 1 || port > 65535) {
    const why = 'port is not valid: must be between 1 and 65535, inclusive'
    errors.push(invalidField(`${path}.port`, port, why))
  }
  if (urlPath && urlPath !== '/') checkUrlPath(errors, `${path}.path`, urlPath)
}

const checkUrlPath = (errors: FieldError[], path: string, urlPath: string): void => {
  const refuse = (why: string) => errors.push(invalidField(path, urlPath, why))
  if (urlPath === '//') {
    refuse('segment[0] may not be empty')
    return
  }
  if (!urlPath.startsWith('/')) refuse("must start with a '/'")
  for (const [index, step] of urlPath.slice(1).replace(/\/$/, '').split('/').entries()) {
    if (!step) refuse(`segment[${index}] may not be empty`)
    else for (const fault of dns1123SubdomainErrors(step)) refuse(`segment[${index}]: ${fault}`)
  }
}
