/**
 * `Aspect`: the ways in which a cluster may change for scheduling.
 *
 * What is told apart here decides how exactly a change wakes waiting pods.
 */

/** What changed in the cluster, as far as it may make an unschedulable pod schedulable. */
export type Aspect =
  | 'nodeAdded'
  | 'nodeRemoved'
  | 'nodeAllocatable'
  | 'nodeLabels'
  | 'nodeTaints'
  | 'nodeUnschedulable'
  | 'podPlaced'
  | 'podRemoved'
