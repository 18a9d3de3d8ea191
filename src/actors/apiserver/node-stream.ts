/**
 * A stream to the node a pod runs on: logs, exec and attach all begin here.
 */
import type { Pod } from '../../api/core/pod.ts'
import { type Status, StatusError } from '../../api/status-error.ts'
import { isNoResponders } from '../../bus/answer.ts'
import type { Bus, Channel } from '../../bus/bus.ts'
import { type NodeStream, subjectsFor } from '../../bus/subjects.ts'

/** What the kubelet refused after the apiserver had agreed: clients of Kubernetes get its bare text. */
export class KubeletRefusal extends Error {
  readonly status: Status
  constructor({ status, message }: StatusError) {
    super(message)
    this.status = status
  }
}

/** Opens the stream; the kubelet's own refusals pass through, a node that is gone is a 503. */
export const openNodeStream = async (
  bus: Bus,
  pod: Pod,
  stream: NodeStream,
  options: object,
): Promise<Channel> => {
  const { namespace, name, uid } = pod.metadata
  const node = pod.spec!.nodeName!
  try {
    return await bus.open(subjectsFor(bus.prefix).nodeStream(node, stream), {
      namespace,
      name,
      uid,
      ...options,
    })
  } catch (error) {
    if (!isNoResponders(error)) throw error
    throw new StatusError(
      503,
      'ServiceUnavailable',
      `error dialing backend: the kubelet of node ${node} does not answer`,
    )
  }
}
