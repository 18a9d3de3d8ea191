/**
 * All functions of CEL in Kubernetes, by name.
 *
 * The table is built when the first expression is compiled.
 */
import { amounts } from './amounts.ts'
import { authorization } from './authorizer.ts'
import { lists, optionals, regex, sets } from './collections.ts'
import { listExtension } from './list-extension.ts'
import { formats } from './named-format.ts'
import { networks } from './network.ts'
import { define, type Overload } from './overload.ts'
import { standard } from './standard.ts'
import { strings } from './strings.ts'
import { urls } from './url.ts'

/** For JSON patches: `~` and `/` of a key, as RFC 6901 writes them. */
const jsonPatch: readonly Overload[] = define({
  'jsonpatch.escapeKey(string): string': (key: string) =>
    key.replaceAll('~', '~0').replaceAll('/', '~1'),
})

const all: readonly Overload[] = [
  ...standard,
  ...strings,
  ...lists,
  ...listExtension,
  ...sets,
  ...optionals,
  ...regex,
  ...urls,
  ...networks,
  ...amounts,
  ...formats,
  ...jsonPatch,
  ...authorization,
]

const byName = new Map<string, Overload[]>()
for (const overload of all)
  byName.set(overload.name, [...(byName.get(overload.name) ?? []), overload])

/** The overloads of a name; undefined when nothing has it. */
export const overloadsOf = (name: string): readonly Overload[] | undefined => byName.get(name)
