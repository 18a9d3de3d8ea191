/**
 * TaintToleration: refuses nodes with a NoSchedule or NoExecute taint the pod does not tolerate, and
 * prefers nodes with fewer untolerated PreferNoSchedule taints.
 */
import { isTolerated } from '../match.ts'
import { type Plugin, type Refusal, smallerIsBetter } from '../plugin.ts'

const REFUSAL: Refusal = {
  plugin: 'TaintToleration',
  reasons: ['node(s) had untolerated taint(s)'],
  resolvable: false,
}

export const taintToleration: Plugin = {
  name: 'TaintToleration',
  weight: 3,
  helpedBy: ['nodeAdded', 'nodeTaints'],
  prepare: ({ pod }) => {
    const tolerations = pod.spec?.tolerations ?? []
    const forPreferred = tolerations.filter(
      ({ effect }) => !effect || effect === 'PreferNoSchedule',
    )
    return {
      scope: 'node',
      filter: ({ taints }) => {
        for (const taint of taints)
          if (taint.effect !== 'PreferNoSchedule' && !isTolerated(taint, tolerations))
            return REFUSAL
        return undefined
      },
      score: ({ taints }) => {
        let untolerated = 0
        for (const taint of taints)
          if (taint.effect === 'PreferNoSchedule' && !isTolerated(taint, forPreferred))
            untolerated++
        return untolerated
      },
      normalise: smallerIsBetter,
    }
  },
}
