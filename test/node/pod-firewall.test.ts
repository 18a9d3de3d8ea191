import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { isIdleTable } from '../../src/node/pod-firewall.ts'

const table = (rule: string, policy = 'accept') => `# Warning: managed by iptables-nft
table ip filter {
\tchain FORWARD {
\t\ttype filter hook forward priority filter; policy ${policy};
${rule}\t}
}
`

test('a table of chains without rules that accept everything is idle', () => {
  assert.ok(isIdleTable(table('')))
})

test('a rule, a dropping policy or a set keeps a table', () => {
  assert.not.ok(isIdleTable(table('\t\tiifname "eth0" counter packets 0 bytes 0 drop\n')))
  assert.not.ok(isIdleTable(table('', 'drop')))
  assert.not.ok(isIdleTable('table ip filter {\n\tset s {\n\t\ttype ipv4_addr\n\t}\n}\n'))
})

test.run()
