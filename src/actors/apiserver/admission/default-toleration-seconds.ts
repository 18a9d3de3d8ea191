/**
 * DefaultTolerationSeconds: a node that vanishes keeps its pods for five minutes, unless they say otherwise.
 *
 * After Kubernetes 1.36 (`plugin/pkg/admission/defaulttolerationseconds`). An update that leaves the tolerations
 * out gets them again.
 */
import { Pod } from '../../../api/core/pod.ts'
import type { AdmissionPlugin } from './plugin.ts'

const SECONDS = 300
const LOST_NODE_TAINTS = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable']

export const defaultTolerationSeconds: AdmissionPlugin = {
  name: 'DefaultTolerationSeconds',
  handles: (kind, operation, subresource) =>
    kind === Pod && subresource === undefined && (operation === 'CREATE' || operation === 'UPDATE'),
  mutate: ({ object }) => {
    const { spec } = object as Pod
    if (!spec) return
    for (const key of LOST_NODE_TAINTS) {
      const isTolerated = spec.tolerations?.some(
        (toleration) =>
          (!toleration.key || toleration.key === key) &&
          (!toleration.effect || toleration.effect === 'NoExecute'),
      )
      if (isTolerated) continue
      spec.tolerations ??= []
      const what = { key, operator: 'Exists', effect: 'NoExecute' }
      spec.tolerations.push({ ...what, tolerationSeconds: SECONDS })
    }
  },
}
