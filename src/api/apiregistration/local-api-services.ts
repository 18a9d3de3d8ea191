/**
 * The APIServices that this API makes of itself: one for each version of each group it serves.
 *
 * Names, labels and priorities are those of Kubernetes 1.36 (`pkg/controlplane/apiserver`, `cmd/kube-apiserver`); the higher a
 * group's priority, the earlier clients look into it.
 */
import type { Draft } from '../meta.ts'
import { APIService } from './api-service.ts'

/** Says who keeps an APIService: made once at start, or as long as a definition is there. */
export const AUTOMANAGED_LABEL = 'kube-aggregator.kubernetes.io/automanaged'

/** Group → its priority. */
const GROUP_PRIORITIES: Readonly<Record<string, number>> = {
  '': 18_000,
  apps: 17_800,
  'events.k8s.io': 17_750,
  'authentication.k8s.io': 17_700,
  'authorization.k8s.io': 17_600,
  autoscaling: 17_500,
  batch: 17_400,
  'certificates.k8s.io': 17_300,
  'networking.k8s.io': 17_200,
  policy: 17_100,
  'rbac.authorization.k8s.io': 17_000,
  'storage.k8s.io': 16_800,
  'apiextensions.k8s.io': 16_700,
  'admissionregistration.k8s.io': 16_700,
  'scheduling.k8s.io': 16_600,
  'coordination.k8s.io': 16_500,
  'node.k8s.io': 16_300,
  'discovery.k8s.io': 16_200,
  'flowcontrol.apiserver.k8s.io': 16_100,
  'resource.k8s.io': 16_200,
}
const CUSTOM_GROUP_PRIORITY = 1000
const CUSTOM_VERSION_PRIORITY = 100
const VERSION_PRIORITY = 15
/** Versions whose priority is not the usual one, by `group/version`. */
const VERSION_PRIORITIES: Readonly<Record<string, number>> = {
  '/v1': 1,
  'autoscaling/v2': 30,
  'flowcontrol.apiserver.k8s.io/v1': 21,
  'resource.k8s.io/v1': 21,
}

export const groupPriorityOf = (group: string): number =>
  GROUP_PRIORITIES[group] ?? CUSTOM_GROUP_PRIORITY

/** The aggregator serves its own group, and makes no APIService of it. */
export const isListed = (group: string): boolean => group !== APIService.group

export const localApiService = (
  group: string,
  version: string,
  isCustom: boolean,
): Draft<APIService> => ({
  metadata: {
    name: `${version}.${group}`,
    labels: { [AUTOMANAGED_LABEL]: isCustom ? 'true' : 'onstart' },
  },
  spec: {
    ...(group ? { group } : {}),
    version,
    groupPriorityMinimum: isCustom ? CUSTOM_GROUP_PRIORITY : groupPriorityOf(group),
    versionPriority: isCustom
      ? CUSTOM_VERSION_PRIORITY
      : (VERSION_PRIORITIES[`${group}/${version}`] ?? VERSION_PRIORITY),
  },
})
