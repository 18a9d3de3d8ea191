/**
 * The admission plug-ins in the order in which they run, and which of them are on.
 *
 * After Kubernetes 1.36 (`pkg/kubeapiserver/options/plugins.go`). A new plug-in is a file beside this one and a line
 * in the list, where Kubernetes has it.
 */
import { deviceAdminAccess } from './device-admin-access.ts'
import { limitRanger } from './limit-ranger.ts'
import { mutatingAdmissionPolicy } from './mutating-admission-policy.ts'
import { mutatingAdmissionWebhook } from './mutating-admission-webhook.ts'
import { namespaceLifecycle } from './namespace-lifecycle.ts'
import type { AdmissionPlugin } from './plugin.ts'
import { resourceQuota } from './resource-quota.ts'
import { runtimeClass } from './runtime-class.ts'
import { serviceAccount } from './service-account.ts'
import { validatingAdmissionPolicy } from './validating-admission-policy.ts'
import { validatingAdmissionWebhook } from './validating-admission-webhook.ts'

/** As kube-apiserver's `--enable-admission-plugins` and `--disable-admission-plugins`. */
export interface AdmissionOptions {
  enable?: readonly string[]
  disable?: readonly string[]
}

/** In Kubernetes' order. */
const PLUGINS: readonly AdmissionPlugin[] = [
  namespaceLifecycle,
  limitRanger,
  serviceAccount,
  runtimeClass,
  deviceAdminAccess,
  mutatingAdmissionPolicy,
  mutatingAdmissionWebhook,
  validatingAdmissionPolicy,
  validatingAdmissionWebhook,
  resourceQuota,
]

/** Those that run only where they are asked for. */
const OFF_BY_DEFAULT = new Set<string>([])

/** The plug-ins that run. Throws an Error for a name that is not known, as kube-apiserver ends with one. */
export const pluginsOf = ({ enable = [], disable = [] }: AdmissionOptions): AdmissionPlugin[] => {
  const known = new Set(PLUGINS.map(({ name }) => name))
  for (const [list, names] of [
    ['enable', enable],
    ['disable', disable],
  ] as const)
    for (const name of names)
      if (!known.has(name)) throw new Error(`${list}-admission-plugins plugin "${name}" is unknown`)
  const both = enable.filter((name) => disable.includes(name))
  if (both.length > 0)
    throw new Error(
      `[${both.join(' ')}] in enable-admission-plugins and disable-admission-plugins overlapped`,
    )
  return PLUGINS.filter(
    ({ name }) => !disable.includes(name) && (enable.includes(name) || !OFF_BY_DEFAULT.has(name)),
  )
}
