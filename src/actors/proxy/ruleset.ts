/**
 * Texts for nft: the whole table, or only the difference between what is applied and what is wanted.
 *
 * Pure. Each text is one transaction. Invariant: applying `fullText(a)` and then `changeText(a, b)` leaves the
 * same rules as `fullText(b)`, except chains no longer used, which are left empty: kernels before 6.2
 * refuse to delete a chain in the transaction that drops the last reference, so they go later
 * (`pruneText`).
 */
import { assert } from '../../std/assert.ts'
import type { Pieces } from './rules.ts'

/** Bit 14, as kube-proxy: set on packets that are masqueraded on their way out. */
const MASQUERADE_MARK = '0x4000'

/** Maps and sets that every service shares, with their types. */
const SHARED: { [name: string]: string } = {
  'service-ips': 'type ipv4_addr . inet_proto . inet_service : verdict;',
  'service-nodeports': 'type inet_proto . inet_service : verdict;',
  'no-endpoint-services': 'type ipv4_addr . inet_proto . inet_service : verdict;',
  'no-endpoint-nodeports': 'type inet_proto . inet_service : verdict;',
}

/** What one change consists of: the pieces of changed services before and after. */
export interface PiecesChange {
  before: Pieces
  after: Pieces
}

/** Replaces the whole table by the pieces given. */
export const fullText = (
  table: string,
  all: Iterable<Pieces>,
  podCIDRs: readonly string[],
): string => {
  const chains: string[] = []
  const lines: string[] = []
  for (const pieces of all) {
    for (const [name, seconds] of pieces.sets) lines.push(addSet(table, name, seconds))
    for (const name of pieces.chains.keys()) chains.push(`add chain ip ${table} ${name}`)
    for (const [name, rules] of pieces.chains) lines.push(...addRules(table, name, rules))
    for (const [key, verdict] of pieces.elements) lines.push(element('add', table, key, verdict))
  }
  return [
    `table ip ${table}`,
    `delete table ip ${table}`,
    ...baseText(table),
    ...podCIDRText(table, podCIDRs),
    ...chains,
    ...lines,
    '',
  ].join('\n')
}

/** Moves changed services from `before` to `after`; empty when nothing differs. */
export const changeText = (table: string, changes: Iterable<PiecesChange>): string => {
  const drops: string[] = []
  const removedSets: string[] = []
  const addedSets: string[] = []
  const newChains: string[] = []
  const rules: string[] = []
  const adds: string[] = []
  for (const { before, after } of changes) {
    for (const [key, verdict] of before.elements)
      if (after.elements.get(key) !== verdict) drops.push(element('delete', table, key))
    for (const [key, verdict] of after.elements)
      if (before.elements.get(key) !== verdict) adds.push(element('add', table, key, verdict))
    const setsChanged = (name: string) => before.sets.get(name) !== after.sets.get(name)
    for (const name of before.sets.keys())
      if (setsChanged(name)) removedSets.push(`delete set ip ${table} ${name}`)
    for (const [name, seconds] of after.sets)
      if (setsChanged(name)) addedSets.push(addSet(table, name, seconds))
    // A rule holds on to its set, so rules of a changed set are written anew.
    const mustRewrite = (list: readonly string[]) =>
      list.some((rule) =>
        [...before.sets.keys()].some((set) => setsChanged(set) && rule.includes(set)),
      )
    for (const [name, list] of after.chains) {
      const old = before.chains.get(name)
      if (old && sameRules(old, list) && !mustRewrite(list)) continue
      newChains.push(`add chain ip ${table} ${name}`, `flush chain ip ${table} ${name}`)
      rules.push(...addRules(table, name, list))
    }
    for (const name of before.chains.keys())
      if (!after.chains.has(name)) newChains.push(`flush chain ip ${table} ${name}`)
  }
  const lines = [...drops, ...newChains, ...removedSets, ...addedSets, ...rules, ...adds]
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`
}

/** Names of chains that a change leaves empty. */
export const staleChains = function* ({ before, after }: PiecesChange): Generator<string> {
  for (const name of before.chains.keys()) if (!after.chains.has(name)) yield name
}

export const pruneText = (table: string, chains: Iterable<string>): string =>
  [...chains].map((name) => `delete chain ip ${table} ${name}\n`).join('')

/** Replaces the addresses that count as pods'. */
export const podCIDRText = (table: string, podCIDRs: readonly string[]): string[] => [
  `flush set ip ${table} pod-cidrs`,
  ...(podCIDRs.length > 0 ? [`add element ip ${table} pod-cidrs { ${podCIDRs.join(', ')} }`] : []),
]

const addSet = (table: string, name: string, seconds: number): string =>
  `add set ip ${table} ${name} { type ipv4_addr; flags dynamic,timeout; timeout ${seconds}s; }`

const addRules = (table: string, chain: string, rules: readonly string[]): string[] =>
  rules.map((rule) => `add rule ip ${table} ${chain} ${rule}`)

const element = (verb: 'add' | 'delete', table: string, key: string, verdict = ''): string => {
  const space = key.indexOf(' ')
  const name = key.slice(0, space)
  assert(name in SHARED || name === 'cluster-ips', `no map is called ${name}`)
  const value = verdict ? ` : ${verdict}` : ''
  return `${verb} element ip ${table} ${name} { ${key.slice(space + 1)}${value} }`
}

const sameRules = (left: readonly string[], right: readonly string[]): boolean =>
  left.length === right.length && left.every((rule, index) => rule === right[index])

/**
 * Chains on the kernel's hooks. Refusing looks at destinations before they are rewritten, hence the
 * priorities ten before those of destination NAT; unknown ports of service addresses are refused after it.
 */
const baseText = (table: string): string[] => {
  const add = (what: string) => `add ${what.replace(' ', ` ip ${table} `)}`
  const hook = (name: string, type: string, at: string, priority: number) =>
    add(`chain ${name} { type ${type} hook ${at} priority ${priority}; policy accept; }`)
  const rule = (chain: string, text: string) => add(`rule ${chain} ${text}`)
  const plainChains = [
    'reject-chain',
    'mark-for-masquerade',
    'masquerading',
    'endpoints-check',
    'cluster-ips-check',
    'services',
  ]
  const byPort = 'fib daddr type local ip daddr != 127.0.0.0/8 meta l4proto . th dport vmap'
  const byAddress = 'ip daddr . meta l4proto . th dport vmap'
  return [
    `add table ip ${table}`,
    ...Object.entries(SHARED).map(([name, type]) => add(`map ${name} { ${type} }`)),
    add('set cluster-ips { type ipv4_addr; }'),
    add('set pod-cidrs { type ipv4_addr; flags interval; auto-merge; }'),
    ...plainChains.map((name) => add(`chain ${name}`)),
    hook('filter-input', 'filter', 'input', -110),
    hook('filter-forward', 'filter', 'forward', -110),
    hook('filter-output', 'filter', 'output', -110),
    hook('filter-output-after-dnat', 'filter', 'output', -90),
    hook('nat-prerouting', 'nat', 'prerouting', -100),
    hook('nat-output', 'nat', 'output', -100),
    hook('nat-postrouting', 'nat', 'postrouting', 100),
    rule('filter-input', 'ct state new jump endpoints-check'),
    rule('filter-forward', 'ct state new jump endpoints-check'),
    rule('filter-forward', 'ct state new jump cluster-ips-check'),
    rule('filter-output', 'ct state new jump endpoints-check'),
    rule('filter-output-after-dnat', 'ct state new jump cluster-ips-check'),
    rule('nat-prerouting', 'jump services'),
    rule('nat-output', 'jump services'),
    rule('nat-postrouting', 'jump masquerading'),
    rule('reject-chain', 'reject'),
    rule('mark-for-masquerade', `meta mark set meta mark or ${MASQUERADE_MARK}`),
    rule('masquerading', `meta mark and ${MASQUERADE_MARK} == 0 return`),
    rule('masquerading', `meta mark set meta mark xor ${MASQUERADE_MARK}`),
    rule('masquerading', 'masquerade fully-random'),
    rule('endpoints-check', `${byAddress} @no-endpoint-services`),
    rule('endpoints-check', `${byPort} @no-endpoint-nodeports`),
    rule('cluster-ips-check', 'ip daddr @cluster-ips reject'),
    rule('services', `${byAddress} @service-ips`),
    rule('services', `${byPort} @service-nodeports`),
  ]
}
