/**
 * Carrying a field from one object to another, absence included.
 *
 * Invariant: an absent field stays absent; one set to undefined would be stored as null.
 */
export const carryField = <T extends object, Field extends keyof T>(
  to: T,
  from: T,
  field: Field,
): void => {
  if (from[field] === undefined) delete to[field]
  else to[field] = from[field]
}
