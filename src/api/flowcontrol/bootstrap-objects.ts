/**
 * The flow schemas and priority levels that every cluster has: two of each that are mandatory, and the
 * suggested ones, which a cluster's owner may change.
 *
 * Values are those of Kubernetes 1.36 (`k8s.io/apiserver/pkg/apis/flowcontrol/bootstrap`). Invariant: nobody
 * changes what is here; the mandatory specs are what updates are compared with.
 */
import type {
  FlowcontrolV1Subject,
  V1FlowSchemaSpec,
  V1PolicyRulesWithSubjects,
  V1PriorityLevelConfigurationSpec,
} from '@kubernetes/client-node'
import type { Wire } from '../meta.ts'

type FlowSchemaSpec = Wire<V1FlowSchemaSpec>
type LevelSpec = Wire<V1PriorityLevelConfigurationSpec>
type Rules = Wire<V1PolicyRulesWithSubjects>
type Subject = Wire<FlowcontrolV1Subject>

/** Objects whose spec the apiserver keeps up to date carry this annotation with `true`. */
export const AUTO_UPDATE_ANNOTATION = 'apf.kubernetes.io/autoupdate-spec'

const queued = (
  nominalConcurrencyShares: number,
  lendablePercent: number,
  queues: number,
  handSize: number,
): LevelSpec => ({
  type: 'Limited',
  limited: {
    nominalConcurrencyShares,
    lendablePercent,
    limitResponse: { type: 'Queue', queuing: { queues, handSize, queueLengthLimit: 50 } },
  },
})

export const mandatoryLevels: Readonly<Record<string, LevelSpec>> = {
  'catch-all': {
    type: 'Limited',
    limited: {
      nominalConcurrencyShares: 5,
      lendablePercent: 0,
      limitResponse: { type: 'Reject' },
    },
  },
  exempt: { type: 'Exempt', exempt: { nominalConcurrencyShares: 0, lendablePercent: 0 } },
}

export const suggestedLevels: Readonly<Record<string, LevelSpec>> = {
  system: queued(30, 33, 64, 6),
  'node-high': queued(40, 25, 64, 6),
  'leader-election': queued(10, 0, 16, 4),
  'workload-high': queued(40, 50, 128, 6),
  'workload-low': queued(100, 90, 128, 6),
  'global-default': queued(20, 50, 128, 6),
}

const groups = (...names: string[]): Subject[] =>
  names.map((name) => ({ kind: 'Group', group: { name } }))
const users = (...names: string[]): Subject[] =>
  names.map((name) => ({ kind: 'User', user: { name } }))
const SYSTEM_ACCOUNTS: Subject = {
  kind: 'ServiceAccount',
  serviceAccount: { name: '*', namespace: 'kube-system' },
}
const EVERYBODY = groups('system:unauthenticated', 'system:authenticated')
const NODES = groups('system:nodes')

const resources = (verbs: string[], group: string, names: string[], clusterScope: boolean) => ({
  verbs,
  apiGroups: [group],
  resources: names,
  namespaces: ['*'],
  ...(clusterScope ? { clusterScope } : {}),
})

const everything = (subjects: Subject[]): Rules => ({
  subjects,
  resourceRules: [resources(['*'], '*', ['*'], true)],
  nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
})

const schema = (
  level: string,
  matchingPrecedence: number,
  distinguisher: 'ByUser' | 'ByNamespace' | undefined,
  rules: Rules,
): FlowSchemaSpec => ({
  priorityLevelConfiguration: { name: level },
  matchingPrecedence,
  ...(distinguisher ? { distinguisherMethod: { type: distinguisher } } : {}),
  rules: [rules],
})

export const mandatorySchemas: Readonly<Record<string, FlowSchemaSpec>> = {
  exempt: schema('exempt', 1, undefined, everything(groups('system:masters'))),
  'catch-all': schema('catch-all', 10_000, 'ByUser', everything(EVERYBODY)),
}

const LEASES = 'coordination.k8s.io'

export const suggestedSchemas: Readonly<Record<string, FlowSchemaSpec>> = {
  'system-nodes': schema('system', 500, 'ByUser', everything(NODES)),
  'system-node-high': schema('node-high', 400, 'ByUser', {
    subjects: NODES,
    resourceRules: [
      resources(['*'], '', ['nodes', 'nodes/status'], true),
      resources(['*'], LEASES, ['leases'], false),
    ],
  }),
  probes: schema('exempt', 2, undefined, {
    subjects: EVERYBODY,
    nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/healthz', '/readyz', '/livez'] }],
  }),
  'system-leader-election': schema('leader-election', 100, 'ByUser', {
    subjects: [
      ...users('system:kube-controller-manager', 'system:kube-scheduler'),
      SYSTEM_ACCOUNTS,
    ],
    resourceRules: [resources(['get', 'create', 'update'], LEASES, ['leases'], false)],
  }),
  'kube-controller-manager': schema(
    'workload-high',
    800,
    'ByNamespace',
    everything(users('system:kube-controller-manager')),
  ),
  'kube-scheduler': schema(
    'workload-high',
    800,
    'ByNamespace',
    everything(users('system:kube-scheduler')),
  ),
  'kube-system-service-accounts': schema(
    'workload-high',
    900,
    'ByNamespace',
    everything([SYSTEM_ACCOUNTS]),
  ),
  'service-accounts': schema(
    'workload-low',
    9000,
    'ByUser',
    everything(groups('system:serviceaccounts')),
  ),
  'global-default': schema('global-default', 9900, 'ByUser', everything(EVERYBODY)),
}
