/**
 * What a request is called in reviews: the kind of the object that is looked at, and its resource.
 *
 * Subresources that are documents of their own have kinds of their own, as Kubernetes' installer registers them.
 */
import type { AnyKind } from '../../../../api/kind.ts'

export interface GroupVersionKind {
  group: string
  version: string
  kind: string
}

export interface GroupVersionResource {
  group: string
  version: string
  resource: string
}

interface Document extends GroupVersionKind {
  /** Of its fields; undefined where nobody decodes it again. */
  model?: string
}

const document = (group: string, version: string, kind: string, model?: string): Document => ({
  group,
  version,
  kind,
  ...(model ? { model } : {}),
})

const SCALE = document('autoscaling', 'v1', 'Scale', 'V1Scale')

const DOCUMENTS: Readonly<Record<string, Document>> = {
  'pods/binding': document('', 'v1', 'Binding', 'V1Binding'),
  'pods/eviction': document('policy', 'v1', 'Eviction', 'V1Eviction'),
  'pods/exec': document('', 'v1', 'PodExecOptions'),
  'pods/attach': document('', 'v1', 'PodAttachOptions'),
  'pods/portforward': document('', 'v1', 'PodPortForwardOptions'),
  'pods/proxy': document('', 'v1', 'PodProxyOptions'),
  'services/proxy': document('', 'v1', 'ServiceProxyOptions'),
  'nodes/proxy': document('', 'v1', 'NodeProxyOptions'),
  'serviceaccounts/token': document(
    'authentication.k8s.io',
    'v1',
    'TokenRequest',
    'AuthenticationV1TokenRequest',
  ),
}

/** Undefined: the subresource is the object itself. */
export const documentOf = (
  { group, plural }: AnyKind,
  subresource: string | undefined,
): Document | undefined => {
  if (subresource === undefined) return undefined
  if (subresource === 'scale') return SCALE
  return group === '' ? DOCUMENTS[`${plural}/${subresource}`] : undefined
}

export const reviewedKind = (form: AnyKind, subresource: string | undefined): GroupVersionKind => {
  const { group, version, kind } = documentOf(form, subresource) ?? form
  return { group, version, kind }
}

export const reviewedResource = ({ group, version, plural }: AnyKind): GroupVersionResource => ({
  group,
  version,
  resource: plural,
})
