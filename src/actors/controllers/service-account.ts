/**
 * Keeps a ServiceAccount named `default` in every active namespace (Kubernetes' `pkg/controller/serviceaccount`).
 * It changes no account that exists and makes no tokens.
 */
import { Namespace } from '../../api/core/namespace.ts'
import { ServiceAccount } from '../../api/core/service-account.ts'
import { defineController } from './controller.ts'
import { NOTHING } from './plan.ts'

const NAME = 'default'

export const serviceAccount = defineController<Namespace>({
  name: 'serviceaccount',
  component: 'service-account-controller',
  for: Namespace,
  watches: [
    {
      kind: ServiceAccount,
      keys: ({ type, object }) =>
        type === 'DELETED' && object.metadata.name === NAME ? [object.metadata.namespace!] : [],
    },
  ],
  concerns: ({ type }) => type !== 'DELETED',
  reconcile: (namespace, name, view) => {
    if (!namespace || namespace.metadata.deletionTimestamp) return NOTHING
    if (view.get(ServiceAccount, name, NAME)) return NOTHING
    const object = { metadata: { name: NAME, namespace: name } }
    return { commands: [{ verb: 'create', kind: ServiceAccount, object }] }
  },
})
