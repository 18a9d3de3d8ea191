/**
 * Publishes the certificate that proves the apiserver's identity as the ConfigMap `kube-root-ca.crt` of every
 * active namespace (Kubernetes' `pkg/controller/certificates/rootcacertpublisher`).
 *
 * Invariant: its `ca.crt` is the authority's present certificate, whoever changed it. It keeps nothing else there.
 */
import { ConfigMap } from '../../api/core/config-map.ts'
import { Namespace } from '../../api/core/namespace.ts'
import { type Controller, defineController } from './controller.ts'
import { NOTHING } from './plan.ts'

const NAME = 'kube-root-ca.crt'
const KEY = 'ca.crt'
const ANNOTATIONS = {
  'kubernetes.io/description':
    'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.',
}

/** The bundle of the authorities that are trusted, in PEM. */
export interface RootCertificate {
  current(): string
  onChange(listener: () => void): () => void
}

export const rootCa = (certificate: RootCertificate): Controller =>
  defineController<Namespace>({
    name: 'root-ca',
    component: 'root-ca-cert-publisher',
    for: Namespace,
    watches: [
      {
        kind: ConfigMap,
        keys: ({ object }) => (object.metadata.name === NAME ? [object.metadata.namespace!] : []),
      },
    ],
    concerns: ({ type }) => type !== 'DELETED',
    source: ({ cache, add }) =>
      certificate.onChange(() => {
        for (const { metadata } of cache.list(Namespace)) add(metadata.name)
      }),
    reconcile: (namespace, name, view) => {
      if (!namespace || namespace.metadata.deletionTimestamp) return NOTHING
      const bundle = certificate.current()
      const data = { [KEY]: bundle }
      const published = view.get(ConfigMap, name, NAME)
      if (!published) {
        const object = { metadata: { name: NAME, namespace: name, annotations: ANNOTATIONS }, data }
        return { commands: [{ verb: 'create', kind: ConfigMap, object }] }
      }
      if (published.data?.[KEY] === bundle) return NOTHING
      return { commands: [{ verb: 'update', kind: ConfigMap, object: { ...published, data } }] }
    },
  })
