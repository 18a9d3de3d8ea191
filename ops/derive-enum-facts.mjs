/**
 * Which fields Kubernetes publishes with an enum, and which types are unions: `node ops/derive-enum-facts.mjs`.
 *
 * Run by hand when the version of `@kubernetes/client-node` changes; it reads the OpenAPI definitions that Kubernetes
 * generates from its Go types, out of a module that `go mod download` fetches, and rewrites
 * `src/api/openapi/enum-facts.json`: `Model.field` → values, of a field or of its items.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const MODULE = 'k8s.io/kubernetes@v1.36.0'
const MODELS = 'node_modules/@kubernetes/client-node/dist/gen/models'
const TARGET = 'src/api/openapi/enum-facts.json'

const { Dir } = JSON.parse(
  execFileSync('go', ['mod', 'download', '-json', MODULE], { encoding: 'utf8' }),
)
const source = readFileSync(join(Dir, 'pkg/generated/openapi/zz_generated.openapi.go'), 'utf8')

const capital = (text) => text[0].toUpperCase() + text.slice(1)

/** `core_v1_Container` → `V1Container`; a name that several groups use begins with the group. */
const modelOf = (name) => {
  const [group, version, kind] = name.split('_').slice(-3)
  return [`${capital(group)}${capital(version)}${kind}`, `${capital(version)}${kind}`].find(
    (model) => existsSync(join(MODELS, `${model}.js`)),
  )
}

const enums = {}
const unions = {}
for (const [, name, body] of source.matchAll(/^func schema_(\w+)\([^\n]*\n([\s\S]*?)^}/gm)) {
  const model = modelOf(name)
  if (!model || /alpha|beta/.test(model)) continue
  for (const [, field, block] of body.matchAll(/^\t{5}"([^"]+)": \{\n([\s\S]*?)^\t{5}\},/gm)) {
    const [, values] = /Enum:\s+\[\]interface\{\}\{(.*)\},?$/m.exec(block) ?? []
    if (values) enums[`${model}.${field}`] = JSON.parse(`[${values}]`)
  }
  const [, discriminator] = /"discriminator": "(\w+)"/.exec(body) ?? []
  const [, fields] =
    /"fields-to-discriminateBy": map\[string\]interface\{\}\{([^}]*)\}/.exec(body) ?? []
  if (fields)
    unions[model] = [
      {
        ...(discriminator ? { discriminator } : {}),
        'fields-to-discriminateBy': Object.fromEntries(
          [...fields.matchAll(/"(\w+)":\s+"(\w+)"/g)].map(([, field, word]) => [field, word]),
        ),
      },
    ]
}

const sorted = (object) =>
  Object.fromEntries(Object.entries(object).sort(([one], [other]) => (one < other ? -1 : 1)))
writeFileSync(
  TARGET,
  `${JSON.stringify({ enums: sorted(enums), unions: sorted(unions) }, undefined, 2)}\n`,
)
