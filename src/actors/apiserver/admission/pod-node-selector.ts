/**
 * PodNodeSelector: the pods of a namespace go to the nodes that its annotation selects, and to no others.
 *
 * After Kubernetes 1.36 (`plugin/pkg/admission/podnodeselector`). Off unless it is asked for. Its configuration
 * names a selector for namespaces without the annotation, and for single namespaces what pods may select at all.
 */
import { Namespace } from '../../../api/core/namespace.ts'
import { Pod } from '../../../api/core/pod.ts'
import { labelKeyErrors, labelValueErrors } from '../../../api/names.ts'
import { forbidden, notFound, StatusError } from '../../../api/status-error.ts'
import type { AdmissionAttributes, AdmissionPlugin } from './plugin.ts'

type Labels = { [key: string]: string }

/** Selectors as `key=value,other=value`, by namespace; `clusterDefaultNodeSelector` is of all others. */
export interface PodNodeSelectorConfiguration {
  podNodeSelectorPluginConfig?: Readonly<Record<string, string>>
}

const ANNOTATION = 'scheduler.alpha.kubernetes.io/node-selector'

export const podNodeSelector = (configuration: PodNodeSelectorConfiguration): AdmissionPlugin => {
  const selectors = configuration.podNodeSelectorPluginConfig ?? {}
  const check = (attributes: AdmissionAttributes): Labels => {
    const { kind, object, namespace = '' } = attributes
    const { metadata, spec } = object as Pod
    const own = spec?.nodeSelector ?? {}
    const wanted = selectorOf(attributes, selectors['clusterDefaultNodeSelector'])
    if (Object.keys(wanted).some((key) => own[key] !== undefined && own[key] !== wanted[key]))
      throw forbidden(
        kind,
        metadata.name,
        'pod node label selector conflicts with its namespace node label selector',
      )
    const merged = { ...wanted, ...own }
    const allowed = parseSelector(selectors[namespace])
    if (Object.keys(allowed).length === 0) return merged
    if (Object.entries(merged).some(([key, value]) => allowed[key] !== value))
      throw forbidden(
        kind,
        metadata.name,
        'pod node label selector labels conflict with its namespace whitelist',
      )
    return merged
  }
  return {
    name: 'PodNodeSelector',
    handles: (kind, operation, subresource) =>
      kind === Pod && operation === 'CREATE' && subresource === undefined,
    mutate: (attributes) => {
      const { spec } = attributes.object as Pod
      const merged = check(attributes)
      if (spec && Object.keys(merged).length > 0) spec.nodeSelector = merged
    },
    validate: (attributes) => {
      check(attributes)
      return undefined
    },
  }
}

const selectorOf = (
  { services, namespace = '' }: AdmissionAttributes,
  clusterDefault: string | undefined,
): Labels => {
  const found = services.storage.cache.get(Namespace, undefined, namespace)
  if (!found) throw notFound(Namespace, namespace)
  return parseSelector(found.metadata.annotations?.[ANNOTATION] ?? clusterDefault)
}

/** Throws 500, as Kubernetes does where a namespace's annotation is not usable. */
const parseSelector = (text = ''): Labels => {
  const labels: Labels = {}
  if (text === '') return labels
  for (const part of text.split(',')) {
    const [key = '', value = '', ...rest] = part.split('=').map((each) => each.trim())
    if (!part.includes('=') || rest.length > 0)
      throw new StatusError(500, '', `invalid selector: [${part.split('=').join(' ')}]`)
    const fault = [...labelKeyErrors(key), ...labelValueErrors(value)][0]
    if (fault) throw new StatusError(500, '', `Invalid value: ${JSON.stringify(part)}: ${fault}`)
    labels[key] = value
  }
  return labels
}
