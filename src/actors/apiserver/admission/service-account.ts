/**
 * ServiceAccount: gives a new pod its account's identity: the name, the token's volume, the pull secrets.
 *
 * After Kubernetes 1.36 (`plugin/pkg/admission/serviceaccount`). Invariant: a pod is stored only with an account
 * that exists, mirror pods apart, which may have none. What it adds is decided in `service-account-admission.ts`.
 */
import { Pod } from '../../../api/core/pod.ts'
import { ServiceAccount } from '../../../api/core/service-account.ts'
import {
  completeFromAccount,
  DEFAULT_ACCOUNT,
  ephemeralSecretFault,
  isMirrorPod,
  mirrorPodFault,
  secretFault,
  TOKEN_VOLUME_PREFIX,
} from '../../../api/core/service-account-admission.ts'
import { generatedName } from '../object-meta.ts'
import type { Services } from '../services.ts'
import { refusedBy } from './chain.ts'
import type { AdmissionAttributes, AdmissionPlugin } from './plugin.ts'

/** How long a new namespace's default account is waited for: its controller makes it in a moment. */
const DEFAULT_ACCOUNT_MS = 1500

const EPHEMERAL = 'ephemeralcontainers'

export const serviceAccount: AdmissionPlugin = {
  name: 'ServiceAccount',
  handles: (kind, operation, subresource) =>
    kind === Pod &&
    ((operation === 'CREATE' && subresource === undefined) ||
      (operation === 'UPDATE' && subresource === EPHEMERAL)),
  mutate: (attributes) => {
    if (attributes.operation !== 'CREATE') return undefined
    const { spec, ...pod } = attributes.object as Pod
    if (!spec) return undefined
    if (isMirrorPod(pod)) return refuse(attributes, mirrorPodFault({ ...pod, spec }))
    spec.serviceAccountName ||= DEFAULT_ACCOUNT
    spec.serviceAccount = spec.serviceAccountName
    return withAccount(attributes, spec.serviceAccountName, (account) => {
      completeFromAccount(spec, account, () => generatedName(TOKEN_VOLUME_PREFIX))
      refuse(attributes, secretFault(spec, account))
    })
  },
  validate: (attributes) => {
    const pod = attributes.object as Pod
    const { spec } = pod
    if (!spec) return undefined
    if (attributes.operation === 'CREATE' && isMirrorPod(pod)) {
      refuse(attributes, mirrorPodFault(pod))
      return undefined
    }
    const name = spec.serviceAccountName
    if (!name) {
      const shown = `${attributes.namespace}/${pod.metadata.name ?? ''}`
      return refuse(attributes, `no service account specified for pod ${shown}`)
    }
    return withAccount(attributes, name, (account) => {
      const fault = attributes.operation === 'CREATE' ? secretFault : ephemeralSecretFault
      refuse(attributes, fault(spec, account))
    })
  },
}

/** Throws 403 if there is a fault. */
const refuse = (attributes: AdmissionAttributes, fault: string | undefined): undefined => {
  if (fault !== undefined) throw refusedBy(attributes, fault)
}

/** Answers at once where this replica knows the account. */
const withAccount = (
  attributes: AdmissionAttributes,
  name: string,
  then: (account: ServiceAccount) => void,
): undefined | Promise<undefined> => {
  const { services, namespace } = attributes
  const known = services.storage.cache.get(ServiceAccount, namespace, name)
  if (known) {
    then(known)
    return undefined
  }
  return findAccount(services, namespace, name).then((account) => {
    if (!account) {
      const fault = `error looking up service account ${namespace}/${name}: serviceaccount "${name}" not found`
      throw refusedBy(attributes, fault)
    }
    then(account)
    return undefined
  })
}

/** One that another replica has just made, or the default one of a namespace that is new. */
const findAccount = async (
  { storage, clock }: Services,
  namespace: string | undefined,
  name: string,
): Promise<ServiceAccount | undefined> => {
  const { cache } = storage
  await storage.barrier(ServiceAccount)
  const found = cache.get(ServiceAccount, namespace, name)
  if (found || name !== DEFAULT_ACCOUNT) return found
  return new Promise((resolve) => {
    const end = () => {
      unsubscribe()
      cancel()
      resolve(cache.get(ServiceAccount, namespace, name))
    }
    const unsubscribe = cache.subscribe(({ kind, object: { metadata } }) => {
      if (kind === ServiceAccount && metadata.namespace === namespace && metadata.name === name)
        end()
    })
    const cancel = clock.after(DEFAULT_ACCOUNT_MS, end)
  })
}
