/**
 * `AdmissionConfiguration` (apiserver.config.k8s.io/v1): which admission plug-ins run, and how they are configured.
 *
 * As kube-apiserver's --admission-control-config-file, with `enablePlugins` and `disablePlugins` beside `plugins` for
 * what are flags there. Pure: which plug-ins there are, and what they make of their configuration, is theirs to say.
 */

export interface AdmissionConfiguration {
  enable: readonly string[]
  disable: readonly string[]
  /** By the plug-in's name. */
  configuration: Readonly<Record<string, object>>
}

/** The document is not usable; the message names the path and says what is wrong. */
export class AdmissionConfigurationError extends Error {}

const API_VERSION = 'apiserver.config.k8s.io/v1'

type Loose = Record<string, unknown>

/** Throws AdmissionConfigurationError. */
export const parseAdmissionConfiguration = (document: unknown): AdmissionConfiguration => {
  const { apiVersion, kind, ...fields } = objectAt(document, 'the document')
  if (apiVersion !== API_VERSION || kind !== 'AdmissionConfiguration')
    throw new AdmissionConfigurationError(
      `it must be an AdmissionConfiguration of ${API_VERSION}, it says ${String(kind)} of ${String(apiVersion)}`,
    )
  const configuration: Record<string, object> = {}
  for (const [index, item] of listAt(fields['plugins'], 'plugins').entries()) {
    const at = `plugins[${index}]`
    const { name, path, configuration: own } = objectAt(item, at)
    if (typeof name !== 'string' || name === '')
      throw new AdmissionConfigurationError(`${at}.name must be the name of a plug-in`)
    if (path !== undefined && path !== '')
      throw new AdmissionConfigurationError(
        `${at}.path is not read: write what is in that file under ${at}.configuration`,
      )
    if (configuration[name])
      throw new AdmissionConfigurationError(`${at}.name: ${name} is configured twice`)
    configuration[name] = own == null ? {} : objectAt(own, `${at}.configuration`)
  }
  return {
    enable: namesAt(fields['enablePlugins'], 'enablePlugins'),
    disable: namesAt(fields['disablePlugins'], 'disablePlugins'),
    configuration,
  }
}

const objectAt = (value: unknown, path: string): Loose => {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new AdmissionConfigurationError(`${path} must be an object`)
  return value as Loose
}

const listAt = (value: unknown, path: string): readonly unknown[] => {
  if (value == null) return []
  if (!Array.isArray(value)) throw new AdmissionConfigurationError(`${path} must be a list`)
  return value
}

const namesAt = (value: unknown, path: string): readonly string[] =>
  listAt(value, path).map((name, index) => {
    if (typeof name === 'string') return name
    throw new AdmissionConfigurationError(`${path}[${index}] must be the name of a plug-in`)
  })
