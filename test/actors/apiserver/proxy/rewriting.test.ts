/**
 * What the proxy makes of names, URLs, pages and headers.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { proxiedUrl } from '../../../../src/actors/apiserver/proxy/proxied-url.ts'
import {
  requestHeaders,
  responseHeaders,
} from '../../../../src/actors/apiserver/proxy/proxy-headers.ts'
import { splitSchemeNamePort } from '../../../../src/actors/apiserver/proxy/proxy-target.ts'
import { rewriteHtml } from '../../../../src/actors/apiserver/proxy/rewrite-html.ts'

const prefix = '/api/v1/namespaces/d/pods/p/proxy'
const place = { prefix, ownHosts: ['10.0.0.1:80', 'localhost:8001'] }

const names: Record<string, string> = {
  p: ' p ',
  'p:80': ' p 80',
  'p:web': ' p web',
  'https:p:443': 'https p 443',
  'http:p:': 'http p ',
  ':p:80': ' p 80',
  'ftp:p:1': 'none',
  'a:b:c:d': 'none',
  ':': 'none',
  '': 'none',
}
for (const [id, want] of Object.entries(names))
  test(`${JSON.stringify(id)} names ${want}`, () => {
    const split = splitSchemeNamePort(id)
    assert.is(split ? `${split.scheme} ${split.name} ${split.port}` : 'none', want)
  })

const urls: Record<string, string> = {
  '/': `${prefix}/`,
  '/a/b?c=d#e': `${prefix}/a/b?c=d#e`,
  '/a/': `${prefix}/a/`,
  '/a/../b': `${prefix}/b`,
  'http://10.0.0.1:80/x': `${prefix}/x`,
  'http://localhost:8001/x': `http://localhost:8001${prefix}/x`,
  '//10.0.0.1:80/x': `${prefix}/x`,
  'http://elsewhere/x': 'http://elsewhere/x',
  'relative/x': 'relative/x',
  '?q': '?q',
  '#top': '#top',
  'mailto:a@b': 'mailto:a@b',
  [`${prefix}/x`]: `${prefix}/x`,
}
for (const [url, want] of Object.entries(urls))
  test(`${url} leads to ${want}`, () => assert.is(proxiedUrl(url, place), want))

const pages: [page: string, want: string][] = [
  ['<a href="/x">x</a>', '<a href="P/x">x</a>'],
  ["<A HREF='/x' class='/y'>", "<A HREF='P/x' class='/y'>"],
  ['<img src=/x longdesc = "/y">', '<img src="P/x" longdesc = "P/y">'],
  ['<a href="/x?a=1&amp;b=2">', '<a href="P/x?a=1&amp;b=2">'],
  [
    '<script>let a = "<a href=/x>"</script><a href="/y">',
    '<script>let a = "<a href=/x>"</script><a href="P/y">',
  ],
  [
    '<!-- <a href="/x"> --><p title="/x">a < b</p>',
    '<!-- <a href="/x"> --><p title="/x">a < b</p>',
  ],
  ['<a href="relative"><a href><a href="">', '<a href="relative"><a href><a href="">'],
  ['<a href="/cut', '<a href="/cut'],
]
for (const [page, want] of pages)
  test(`rewrites ${page}`, () =>
    assert.is(
      rewriteHtml(page, (url) => (url.startsWith('/') ? `P${url}` : url)),
      want,
    ))

test('a hostile page takes no longer than its length', () => {
  const page = `<a ${`"'`.repeat(200_000)}`
  const startedAt = performance.now()
  assert.is(
    rewriteHtml(page, (url) => url),
    page,
  )
  assert.ok(performance.now() - startedAt < 5_000)
})

test('what is between client and apiserver stays there', () => {
  const raw = [
    'Host',
    'h',
    'Authorization',
    'Bearer t',
    'Connection',
    'keep-alive, X-Hop',
    'X-Hop',
    '1',
  ]
  const more = ['X-Forwarded-For', '1.1.1.1', 'Cookie', 'a', 'Cookie', 'b', 'Upgrade', 'h2c']
  assert.equal(requestHeaders([...raw, ...more], { client: '2.2.2.2', host: 'h', uri: '/u' }), {
    host: ['h'],
    cookie: ['a', 'b'],
    'x-forwarded-for': ['1.1.1.1, 2.2.2.2'],
    'x-forwarded-uri': ['/u'],
  })
  assert.equal(
    responseHeaders(['Set-Cookie', 'a', 'Set-Cookie', 'b', 'Transfer-Encoding', 'chunked']),
    {
      'Set-Cookie': ['a', 'b'],
    },
  )
})

test.run()
