/**
 * ImageLocality: prefers nodes that hold the pod's images already, big images more.
 *
 * An image counts in proportion to the share of nodes that hold it, so that one node is not chosen by all.
 * Between changes of a node that share may be a little old, which only weighs.
 */
import { MAX_SCORE, type Plugin } from '../plugin.ts'

const MEBIBYTE = 1024 * 1024
const SMALLEST_BYTES = 23 * MEBIBYTE
const LARGEST_BYTES_PER_CONTAINER = 1000 * MEBIBYTE

export const imageLocality: Plugin = {
  name: 'ImageLocality',
  weight: 1,
  helpedBy: [],
  prepare: ({ pod }, snapshot) => {
    const containers = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])]
    const names = containers.map(({ image }) => fullName(image ?? ''))
    if (names.length === 0) return undefined
    const largest = LARGEST_BYTES_PER_CONTAINER * names.length
    return {
      scope: 'node',
      score: ({ images }) => {
        if (images.size === 0) return 0
        let sum = 0
        for (const name of names) {
          const bytes = images.get(name)
          if (bytes === undefined) continue
          sum += bytes * (snapshot.nodesWithImage(name) / snapshot.order.length)
        }
        const clamped = Math.min(largest, Math.max(SMALLEST_BYTES, sum))
        return (MAX_SCORE * (clamped - SMALLEST_BYTES)) / (largest - SMALLEST_BYTES)
      },
    }
  },
}

/** The name under which nodes list it: without a tag it is `latest`. */
const fullName = (image: string): string =>
  image.lastIndexOf(':') <= image.lastIndexOf('/') ? `${image}:latest` : image
