/**
 * Field numbers of Kubernetes' protobuf messages, by the models' names: `node ops/derive-protobuf-fields.mjs`.
 *
 * Run by hand when the version of `@kubernetes/client-node` changes; it reads the `generated.proto` files of
 * the Go modules k8s.io/api and k8s.io/apimachinery, which `go mod download` fetches, and rewrites
 * `src/actors/apiserver/protobuf-fields.json`. `"@1"` holds the fields of a struct that Go embeds as field 1.
 */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const VERSION = 'v0.36.0'
const MODELS = 'node_modules/@kubernetes/client-node/dist/gen/models'
const TARGET = 'src/actors/apiserver/protobuf-fields.json'

const protoFiles = (module) => {
  const { Dir } = JSON.parse(
    execFileSync('go', ['mod', 'download', '-json', `${module}@${VERSION}`], { encoding: 'utf8' }),
  )
  return readdirSync(Dir, { recursive: true, withFileTypes: true })
    .filter((file) => file.name === 'generated.proto')
    .map((file) => join(file.parentPath, file.name))
}

const MESSAGE = /^message (\w+) \{\n([\s\S]*?)^\}/gm
const FIELD = /^ {2}(?:optional |repeated |required )?(map<[^>]*>|[\w.]+) (\w+) = (\d+);/gm

const messages = []
for (const file of [...protoFiles('k8s.io/api'), ...protoFiles('k8s.io/apimachinery')]) {
  const text = readFileSync(file, 'utf8')
  const scope = /^package (.*);/m.exec(text)[1]
  for (const [, name, body] of text.matchAll(MESSAGE)) {
    const fields = [...body.matchAll(FIELD)].map(([, type, field, number]) => ({
      type,
      field,
      number: Number(number),
    }))
    messages.push({ scope, name, fields })
  }
}

const goNameOf = (model) => model.replace(/^[A-Za-z]*?V\d+(?=[A-Z])/, '')
const find = (message, name) =>
  message.fields.find(({ field }) => field.toLowerCase() === name.toLowerCase())
const embedded = (message, { type }) =>
  messages.find(({ scope, name }) =>
    type.includes('.') ? type === `.${scope}.${name}` : scope === message.scope && name === type,
  )

/** The numbers of `names` in `message`, and what of `names` it lacks. */
const numbersOf = (message, names) => {
  const numbers = {}
  let missing = []
  for (const name of names) {
    const found = find(message, name)
    if (found) numbers[name] = found.number
    else missing.push(name)
  }
  for (const each of message.fields) {
    if (missing.length === 0) break
    const inner = names.some((name) => name.toLowerCase() === each.field.toLowerCase())
      ? undefined
      : embedded(message, each)
    if (!inner) continue
    const below = numbersOf(inner, missing)
    if (Object.keys(below.numbers).length === 0) continue
    numbers[`@${each.number}`] = below.numbers
    missing = below.missing
  }
  return { numbers, missing }
}

const result = {}
for (const file of readdirSync(MODELS).sort()) {
  if (!/^[A-Za-z]*V1[A-Z]\w*\.js$/.test(file)) continue
  const model = file.slice(0, -'.js'.length)
  const map = /attributeTypeMap = (\[[\s\S]*?\n\s*\]|\[\]);/.exec(
    readFileSync(join(MODELS, file), 'utf8'),
  )
  if (!map) continue
  const names = JSON.parse(map[1]).map(({ baseName }) => baseName)
  const candidates = messages
    .filter(({ scope, name }) => name === goNameOf(model) && scope.endsWith('.v1'))
    .map((message) => {
      const { numbers, missing } = numbersOf(message, names)
      const group = message.scope.split('.').at(-2)
      const isNamed = model.toLowerCase().startsWith(`${group}v1`)
      return { numbers, rank: (isNamed ? 1000 : 0) - missing.length * 2 - message.fields.length }
    })
    .sort((a, b) => b.rank - a.rank)
  if (candidates[0]) result[model] = candidates[0].numbers
}
const lines = Object.entries(result).map(
  ([model, numbers]) => `  ${JSON.stringify(model)}: ${JSON.stringify(numbers)}`,
)
writeFileSync(TARGET, `{\n${lines.join(',\n')}\n}\n`)
