/**
 * Shuffle sharding: which few of many queues a flow may use.
 *
 * Two flows rarely share all their queues, so a flood fills a few of them and everybody else finds another.
 * Pure: a hand depends on the flow's name and the numbers only (Kubernetes' `util/shufflesharding`).
 */
import { createHash } from 'node:crypto'

/** `handSize` different numbers from 0 to `deckSize` - 1. */
export const handOf = (flow: string, deckSize: number, handSize: number): number[] => {
  let value = createHash('sha256').update(flow).digest().readBigUInt64LE()
  const hand: number[] = []
  for (let dealt = 0; dealt < Math.min(handSize, deckSize); dealt++) {
    const left = BigInt(deckSize - dealt)
    let card = Number(value % left)
    value /= left
    /** Among the cards that are left: each lower one that was dealt moves it up. */
    for (const taken of hand.toSorted((a, b) => a - b)) if (card >= taken) card++
    hand.push(card)
  }
  return hand
}
