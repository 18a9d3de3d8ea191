/**
 * Signs the ConfigMap `kube-public/cluster-info` with every bootstrap token that may sign, so that who holds a token
 * can tell the cluster's own from another one (Kubernetes' `pkg/controller/bootstrap/bootstrapsigner.go`).
 *
 * Invariant: its `jws-kubeconfig-<id>` are the signatures of its `kubeconfig` by the tokens there are, and no others.
 */
import { bootstrapTokenOf, detachedSignature } from '../../../api/core/bootstrap-token.ts'
import { ConfigMap } from '../../../api/core/config-map.ts'
import { Secret } from '../../../api/core/secret.ts'
import { deepEqual } from '../../../api/equality.ts'
import type { Cache } from '../../../client/view.ts'
import { defineController } from '../controller.ts'
import { NOTHING } from '../plan.ts'
import { isBootstrapToken } from './token-cleaner.ts'

const NAMESPACE = 'kube-public'
const NAME = 'cluster-info'
const KEY = `${NAMESPACE}/${NAME}`
const CONTENT = 'kubeconfig'
const SIGNATURE = 'jws-kubeconfig-'

export const clusterInfoSigner = defineController<ConfigMap>({
  name: 'bootstrapsigner',
  component: 'bootstrap-signer',
  for: ConfigMap,
  watches: [
    { kind: Secret, keys: ({ object }) => (isBootstrapToken(object as Secret) ? [KEY] : []) },
  ],
  concerns: ({ object }) =>
    object.metadata.name === NAME && object.metadata.namespace === NAMESPACE,
  reconcile: (published, key, view, now) => {
    const content = published?.data?.[CONTENT]
    if (!published || key !== KEY || content === undefined) return NOTHING
    const data: Record<string, string> = {}
    for (const [name, text] of Object.entries(published.data ?? {}))
      if (!name.startsWith(SIGNATURE)) data[name] = text
    for (const token of signingTokens(view, now))
      data[`${SIGNATURE}${token.id}`] = detachedSignature(content, token)
    if (deepEqual(data, published.data)) return NOTHING
    return { commands: [{ verb: 'update', kind: ConfigMap, object: { ...published, data } }] }
  },
})

const signingTokens = (view: Cache, now: number) =>
  view.list(Secret, { namespace: 'kube-system' }).flatMap((secret) => {
    const token = isBootstrapToken(secret) ? bootstrapTokenOf(secret, now) : undefined
    return token?.signs ? [token] : []
  })
