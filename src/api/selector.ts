/**
 * Label and field selectors: parse, print, match.
 */
export interface LabelRequirement {
  key: string
  operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist' | '=' | '!=' | 'gt' | 'lt'
  values: readonly string[]
}

/** All requirements must hold; an empty list selects everything. */
export type LabelSelector = readonly LabelRequirement[]
