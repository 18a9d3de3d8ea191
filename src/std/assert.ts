/**
 * Assertions for broken invariants: a failed one is a defect of this program and crashes its actor.
 * Never use it on input from outside; that is a `StatusError`.
 */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`invariant broken: ${message}`)
}
