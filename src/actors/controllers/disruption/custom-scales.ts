/**
 * The scales of custom objects, of which the controllers' cache holds metadata only: asked of the apiserver.
 *
 * Invariant: an answer is of the very revision of the object that the cache shows, and is asked for once.
 */
import type { AnyKind } from '../../../api/kind.ts'
import type { KubernetesObject } from '../../../api/meta.ts'
import { StatusError } from '../../../api/status-error.ts'
import type { Client } from '../../../client/client.ts'
import { noScale } from './expected-pods.ts'

const SCALES_MAX = 1000

interface Known {
  revision: string
  answer: number | Error | undefined
}

export class CustomScales {
  private readonly client: Client
  private readonly known = new Map<string, Known>()

  constructor(client: Client) {
    this.client = client
  }

  /** The replicas of `owner`; `unknown` until `onKnown` is called. Throws an Error when it has no scale. */
  replicasOf(kind: AnyKind, owner: KubernetesObject, onKnown: () => void): number | 'unknown' {
    const { uid, resourceVersion } = owner.metadata
    let known = this.known.get(uid)
    if (known?.revision !== resourceVersion) {
      known = { revision: resourceVersion, answer: undefined }
      if (this.known.size >= SCALES_MAX) this.known.clear()
      this.known.set(uid, known)
    }
    const { answer } = known
    if (answer instanceof Error) {
      // The next look asks again.
      this.known.delete(uid)
      throw answer
    }
    if (answer !== undefined) return answer
    void this.ask(kind, owner, known).then(onKnown)
    return 'unknown'
  }

  private async ask(kind: AnyKind, { metadata }: KubernetesObject, known: Known): Promise<void> {
    const { namespace, name } = metadata
    try {
      known.answer = await this.client.replicas(kind, namespace, name)
    } catch (error) {
      const isAbsent = error instanceof StatusError && error.code === 404
      known.answer = isAbsent
        ? noScale(kind)
        : error instanceof Error
          ? error
          : new Error(String(error))
    }
  }
}
