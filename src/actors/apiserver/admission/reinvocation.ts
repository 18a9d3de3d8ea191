/**
 * `Reinvocation`: which webhooks or policies of one write are to be asked a second time.
 *
 * After Kubernetes' `plugin/webhook/mutating/reinvocationcontext.go`. Invariant: in the second round only those run that
 * ran in the first, asked for it, and before something was changed.
 */
import { deepCopy, deepEqual } from '../../../api/equality.ts'
import type { KubernetesObject } from '../../../api/meta.ts'
import type { AdmissionAttributes } from './plugin.ts'

export class Reinvocation {
  private isSecond = false
  private readonly ran = new Set<string>()
  private readonly due = new Set<string>()
  private output: KubernetesObject | undefined

  /** Of this write; made anew with its first round. */
  static of(
    known: WeakMap<AdmissionAttributes, Reinvocation>,
    attributes: AdmissionAttributes,
  ): Reinvocation {
    const first = attributes.isReinvocation ? known.get(attributes) : undefined
    const found = first ?? new Reinvocation()
    if (!first) known.set(attributes, found)
    found.isSecond = attributes.isReinvocation
    // Others have changed the object since.
    if (found.isSecond && !deepEqual(found.output, attributes.object)) found.requireAll()
    return found
  }

  isDue(id: string): boolean {
    return !this.isSecond || this.due.has(id)
  }

  /** It asks to be run again if need be. */
  invoked(id: string): void {
    this.ran.add(id)
  }

  /** What has run so far has not seen this. */
  changed(attributes: AdmissionAttributes): void {
    this.requireAll()
    attributes.shouldReinvoke = true
  }

  end({ object, isReinvocation }: AdmissionAttributes): void {
    const isNeeded = !isReinvocation && this.ran.size + this.due.size > 0
    this.output = isNeeded ? deepCopy(object) : object
  }

  private requireAll(): void {
    for (const id of this.ran) this.due.add(id)
    this.ran.clear()
  }
}
