/**
 * Keeps spec.replicas pods alive for each ReplicationController (Kubernetes' `pkg/controller/replication`);
 * `replicas.ts` decides, as for ReplicaSets.
 */
import { ReplicationController } from '../../api/core/replication-controller.ts'
import { selectorOfMap } from '../../api/selector.ts'
import { replicasController } from './replicas.ts'

export const replicationController = replicasController<ReplicationController>({
  name: 'replicationcontroller',
  component: 'replication-controller',
  kind: ReplicationController,
  selectorOf: ({ spec }) => selectorOfMap(spec?.selector),
  countsTerminating: false,
})
