/**
 * Keeps spec.replicas pods alive for each ReplicaSet; `replicas.ts` decides.
 */
import { ReplicaSet } from '../../api/apps/replica-set.ts'
import { labelSelectorOf } from '../../api/selector.ts'
import { replicasController } from './replicas.ts'

export const replicaSet = replicasController<ReplicaSet>({
  name: 'replicaset',
  component: 'replicaset-controller',
  kind: ReplicaSet,
  selectorOf: ({ spec }) => labelSelectorOf(spec?.selector),
  countsTerminating: true,
})
