/**
 * The order of API versions by preference: `v2`, `v1`, `v2beta1`, `v1alpha1`, then anything else by name.
 *
 * After Kubernetes' `apimachinery/pkg/version/helpers.go`. It compares names and knows no kinds.
 */

/** Negative when `a` is preferred to `b`. */
export const compareVersions = (a: string, b: string): number => {
  const left = parse(a)
  const right = parse(b)
  if (!left || !right) return left ? -1 : right ? 1 : a < b ? -1 : a > b ? 1 : 0
  for (let at = 0; at < left.length; at++) if (left[at] !== right[at]) return right[at]! - left[at]!
  return 0
}

const STAGES = ['alpha', 'beta', '']

/** Stage, major, minor; undefined for what is no version in Kubernetes' sense. */
const parse = (version: string): number[] | undefined => {
  const found = /^v([1-9]\d*)(?:(alpha|beta)([1-9]\d*))?$/.exec(version)
  if (!found) return undefined
  const [, major, stage = '', minor = '0'] = found
  return [STAGES.indexOf(stage), Number(major), Number(minor)]
}
