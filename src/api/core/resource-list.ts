/**
 * Resource lists (`{cpu: '500m', memory: '1Gi'}`): canonical form, comparison and the names of
 * resources.
 *
 * Kubernetes reads amounts back in canonical form and never finer than a thousandth. A text that is
 * no quantity is left alone here: validation names it.
 */
import {
  canonicalQuantity as canonical,
  isQuantity,
  milliValue,
  quantityOfMilli,
  value,
} from '../quantity.ts'

export type ResourceList = { [name: string]: string }

/** The canonical form of `amount`, or `amount` itself when it is no quantity. */
export const canonicalQuantity = (amount: string | number): string => {
  const text = String(amount)
  if (!isKnownQuantity(text)) return text
  const form = canonical(text)
  return form.endsWith('n') || form.endsWith('u') ? quantityOfMilli(milliValue(form)) : form
}

/** In place. */
export const canonicalizeQuantities = (list: ResourceList): void => {
  for (const name in list) list[name] = canonicalQuantity(list[name]!)
}

/** Amounts repeat endlessly: most texts are plain digits with one suffix. */
const PLAIN = /^\d{1,12}(?:m|k|M|G|T|Ki|Mi|Gi|Ti)?$/

export const isKnownQuantity = (text: string): boolean => PLAIN.test(text) || isQuantity(text)

/** Negative, zero or positive; exact for amounts of at most three decimals. */
export const compareAmounts = (one: string, other: string): number =>
  value(one) - value(other) || milliValue(one) - milliValue(other)

export const isHugePages = (name: string): boolean => name.startsWith('hugepages-')

/** In the `kubernetes.io` namespace, where a name without a prefix is too. */
export const isNativeResource = (name: string): boolean =>
  !name.includes('/') || name.includes('kubernetes.io/')

/** Requests may be below limits only for native resources other than huge pages. */
export const isOvercommitAllowed = (name: string): boolean =>
  isNativeResource(name) && !isHugePages(name)

export const isExtendedResource = (name: string): boolean =>
  !isNativeResource(name) && !name.startsWith('requests.')

const COUNTED = new Set([
  'pods',
  'resourcequotas',
  'services',
  'replicationcontrollers',
  'secrets',
  'configmaps',
  'persistentvolumeclaims',
  'services.nodeports',
  'services.loadbalancers',
])

/** Whether the resource comes in whole units only. */
export const isIntegerResource = (name: string): boolean =>
  COUNTED.has(name) || isExtendedResource(name)

const COMPUTE = ['cpu', 'memory', 'ephemeral-storage']
const STANDARD = new Set([
  ...COMPUTE,
  ...COMPUTE.flatMap((name) => [`requests.${name}`, `limits.${name}`]),
  ...COUNTED,
  'storage',
  'requests.storage',
])

export const isStandardResource = (name: string): boolean =>
  STANDARD.has(name) || isHugePages(name) || name.startsWith('requests.hugepages-')

/** Whether a quota can bound it; of names without a prefix only these. */
export const isQuotaResource = (name: string): boolean =>
  name !== 'storage' && isStandardResource(name)

export const isContainerResource = (name: string): boolean =>
  COMPUTE.includes(name) || isHugePages(name)
