/**
 * What the test of every kind knows about one kind: an object, its defaults, and what is wrong with others.
 *
 * A cases file exports `cases: KindCase`; `test/actors/apiserver/every-kind.test.ts` runs it against a real
 * apiserver. Invariant: `minimal` is what a user must write at least; every change is made to a copy.
 */
import type { AnyKind } from '../../src/api/kind.ts'

/** An object of any shape, which a case changes as it likes. */
// biome-ignore lint/suspicious/noExplicitAny: cases reach into objects of every kind
export type LooseObject = any

/** What a client sends; apiVersion and kind are the kind's where they are left out. */
export interface ObjectDraft {
  apiVersion?: string
  kind?: string
  metadata: { name: string; namespace?: string; [field: string]: unknown }
  [field: string]: unknown
}

export interface ExpectedCause {
  /** The path of the field, as `spec.template.spec.containers[0].name`. */
  field: string
  /** e.g. `FieldValueInvalid`. */
  reason: string
  /** The whole message, or a pattern of it. */
  message?: string | RegExp
}

export interface BadChange {
  /** What is wrong, in a few words. */
  name: string
  change(object: LooseObject): void
  /** All causes, in order. */
  causes: readonly ExpectedCause[]
}

export interface KindCase {
  kind: AnyKind
  /** Created before, removed after; objects in namespaces go to `default` when they name none. */
  needs?: readonly ObjectDraft[]
  minimal: ObjectDraft
  /** Of kinds that the apiserver completes by itself: whether it has done so. */
  isComplete?(object: LooseObject): boolean
  /** A subset of the answer to creating `minimal`, once it is complete. */
  defaults: object
  /** Changes of `minimal` that a create refuses. */
  bad: readonly BadChange[]
  /** Changes of the stored `minimal` that an update refuses. */
  immutable?: readonly BadChange[]
  /** A harmless change outside metadata and status (of kinds without a spec: of their data). */
  change(object: LooseObject): void
  /** A status that may be written through the status subresource. */
  status?: object
  /** The row of `minimal` in the table, Age left out, wide columns included. */
  cells: readonly (string | number | boolean | RegExp)[]
}
