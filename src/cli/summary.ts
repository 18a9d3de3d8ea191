/**
 * What a person reads when the cluster is up: nodes, pods, the address, and what to try next.
 */
import { findProgram } from '../node/command.ts'
import { KUBECTL, NATS_CLI, type Tool } from '../node/tools.ts'
import type { ApiClient } from './api-client.ts'
import type { ServiceAnswer } from './example.ts'
import { shellWord } from './shell-word.ts'
import type { StateFolder } from './state-folder.ts'

interface Table {
  columnDefinitions: { name: string; priority: number }[]
  rows: { cells: (string | number)[] }[]
}

const ROWS_SHOWN = 10
const AS_TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io'

/** Lines of a server-side table, as kubectl prints it. */
export const tableLines = (table: Table): string[] => {
  const shown = table.columnDefinitions.flatMap(({ priority }, index) =>
    priority === 0 ? [index] : [],
  )
  const rows = [
    shown.map((index) => table.columnDefinitions[index]?.name.toUpperCase() ?? ''),
    ...table.rows
      .slice(0, ROWS_SHOWN)
      .map(({ cells }) => shown.map((index) => String(cells[index] ?? ''))),
  ]
  const widths = shown.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('   ')
      .trimEnd(),
  )
  if (table.rows.length > ROWS_SHOWN) lines.push(`… and ${table.rows.length - ROWS_SHOWN} more`)
  return lines
}

export const fetchTable = async (api: ApiClient, path: string): Promise<Table | undefined> => {
  const { code, body } = await api.call<Table>('GET', path, undefined, AS_TABLE)
  return code === 200 ? body : undefined
}

/** A line for each command that this machine lacks. */
const howToGet = (tools: readonly Tool[]): string[] =>
  tools.flatMap(({ name, homepage }) =>
    findProgram(name) ? [] : [`      (${name} is not installed here; get it from ${homepage})`],
  )

export const printSummary = async (
  api: ApiClient,
  folder: StateFolder,
  answer: ServiceAnswer | undefined,
) => {
  const lines = ['']
  for (const path of ['/api/v1/nodes', '/api/v1/pods']) {
    const table = await fetchTable(api, path)
    if (table && table.rows.length > 0) lines.push(...tableLines(table), '')
  }
  if (answer)
    lines.push(
      answer.failure
        ? `the Service hello at ${answer.url} does not answer yet: ${answer.failure}`
        : `the Service hello answers at ${answer.url}`,
      '',
    )
  lines.push(
    `export KUBECONFIG=${shellWord(folder.kubeconfig)}`,
    '',
    'try:  kubectl get pods -o wide',
    '      kubectl scale deployment hello --replicas=5',
    `      eval "$(bin/kubus env --data ${shellWord(folder.root)})" && nats sub 'kubus.events.>'`,
    ...howToGet([KUBECTL, NATS_CLI]),
    '',
  )
  process.stdout.write(`${lines.join('\n')}\n`)
}
