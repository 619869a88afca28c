import { describe, expect, it } from 'vitest';
import { MirrorError } from '../../mirror-core/contracts/errors.ts';
import { permissionsOf } from '../../mirror-core/upstream/enterprise/capabilities.ts';
import { checkedRedirect, isPrivateAddress } from '../../mirror-core/upstream/enterprise/redirect-guard.ts';
import { parseHttpDateMs, parseRetryAfterMs } from '../../mirror-core/upstream/enterprise/responses.ts';
import { isTransient, REQUEST_POLICY, retryDelayMs, withRetry } from '../../mirror-core/upstream/enterprise/retry-policy.ts';

describe('redirects', () => {
  const api = new URL('https://api.example.org/v2/snapshots/x/download');
  const inHouse = new URL('http://10.0.0.5:8750/v2/snapshots/x/download');
  const names: Record<string, readonly string[]> = {
    'store.example.net': ['203.0.113.9', '2001:db8::9'],
    'rebound.example.net': ['203.0.113.9', '127.0.0.1'],
    'api.example.org': ['203.0.113.1'],
  };
  const resolve = (host: string): Promise<readonly string[]> => {
    const found = names[host];
    return found === undefined ? Promise.reject(new Error('ENOTFOUND')) : Promise.resolve(found);
  };

  it.each([
    ['a public host', api, 'https://store.example.net/file?sig=1'],
    ['a host known to the proxy alone', api, 'https://unknown.example.net/file'],
    ['a path on the same host', api, '/elsewhere'],
    ['a private host, from a private one', inHouse, 'http://192.168.1.9/file'],
    ['an encrypted address, from a plain one', inHouse, 'https://store.example.net/file'],
  ])('to %s are followed', async (_, from, location) => {
    await expect(checkedRedirect(from, location, from, resolve)).resolves.toEqual(new URL(location, from));
  });

  it.each([
    ['nowhere', undefined],
    ['no address', 'https://'],
    ['another scheme', 'ftp://store.example.net/file'],
    ['a file', 'file:///etc/passwd'],
    ['plain HTTP', 'http://store.example.net/file'],
    ['credentials', 'https://user:secret@store.example.net/file'],
    ['this machine', 'https://127.0.0.1/file'],
    ['this machine by name', 'https://localhost/file'],
    ['this machine, written oddly', 'https://2130706433/file'],
    ['this machine by IPv6', 'https://[::1]/file'],
    ['this machine by mapped IPv4', 'https://[::ffff:127.0.0.1]/file'],
    ['the cloud’s metadata', 'https://169.254.169.254/latest'],
    ['a name that leads inside', 'https://rebound.example.net/file'],
  ])('to %s are refused', async (_, location) => {
    const failure = checkedRedirect(api, location, api, resolve);
    await expect(failure).rejects.toMatchObject({ code: 'UPSTREAM_PROTOCOL', message: expect.not.stringContaining('secret') });
  });

  it('know the networks that are not public', () => {
    const inside = ['10.1.2.3', '172.31.255.255', '192.168.0.1', '100.64.0.1', '0.0.0.0', 'fd00::1', 'fe80::1', '::'];
    const outside = ['8.8.8.8', '172.32.0.1', '100.128.0.1', '2001:4860:4860::8888', 'no address'];
    expect(inside.filter((address) => !isPrivateAddress(address))).toEqual([]);
    expect(outside.filter((address) => isPrivateAddress(address))).toEqual([]);
  });
});

describe('retries', () => {
  it('wait up to a doubling bound, never longer than the cap, and as long as asked', () => {
    const error = new MirrorError('UPSTREAM_ERROR', 'x');
    const longest = [1, 2, 3, 4, 5, 6, 7, 8].map((failures) => retryDelayMs(REQUEST_POLICY, failures, error, () => 1));
    expect(longest).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 20_000, 20_000]);
    expect(retryDelayMs(REQUEST_POLICY, 5, error, () => 0)).toBe(0);
    const asked = new MirrorError('UPSTREAM_RATE_LIMITED', 'x', { retryAfterMs: 30_000 });
    expect(retryDelayMs(REQUEST_POLICY, 1, asked, () => 1)).toBe(30_000);
  });

  it.each([
    ['UPSTREAM_UNREACHABLE', true],
    ['UPSTREAM_ERROR', true],
    ['UPSTREAM_RATE_LIMITED', true],
    ['UPSTREAM_PROTOCOL', false],
    ['CHECKSUM_MISMATCH', false],
    ['NO_SPACE', false],
    ['FORBIDDEN', false],
    ['QUOTA_EXHAUSTED', false],
  ] as const)('for %s: %s', (code, expected) => {
    expect(isTransient(new MirrorError(code, 'x'))).toBe(expected);
    expect(isTransient(new MirrorError(code, 'x', { retryable: false }))).toBe(false);
  });

  it('end when the budget does, even if tries are left', async () => {
    const waits: number[] = [];
    const error = new MirrorError('UPSTREAM_RATE_LIMITED', 'x', { retryAfterMs: 50_000 });
    const context = {
      signal: new AbortController().signal,
      random: () => 1,
      sleep: (ms: number) => {
        waits.push(ms);
        return Promise.resolve();
      },
    };
    await expect(withRetry(REQUEST_POLICY, () => Promise.reject(error), context)).rejects.toBe(error);
    expect(waits).toEqual([50_000, 50_000]);
  });

  it('read Retry-After as seconds and as dates', () => {
    const nowMs = Date.parse('2026-03-10T12:00:00Z');
    expect(parseRetryAfterMs('120', nowMs)).toBe(120_000);
    expect(parseRetryAfterMs('Tue, 10 Mar 2026 12:00:30 GMT', nowMs)).toBe(30_000);
    expect(parseRetryAfterMs('Tue, 10 Mar 2026 11:00:00 GMT', nowMs)).toBe(0);
    expect(parseRetryAfterMs('soon', nowMs)).toBeUndefined();
    expect(parseRetryAfterMs(undefined, nowMs)).toBeUndefined();
  });

  it('read HTTP dates with GMT and with upstream’s UTC', () => {
    const expected = Date.parse('2024-02-12T00:50:09Z');
    expect(parseHttpDateMs('Mon, 12 Feb 2024 00:50:09 UTC')).toBe(expected);
    expect(parseHttpDateMs('Mon, 12 Feb 2024 00:50:09 GMT')).toBe(expected);
    expect(parseHttpDateMs('12')).toBeUndefined();
    expect(parseHttpDateMs('Mon, or so')).toBeUndefined();
  });
});

describe('the permissions of an account', () => {
  const everything = { snapshots: true, chunks: true, onDemand: true, batches: true, realtime: true };
  const nothing = { snapshots: false, chunks: false, onDemand: false, batches: false, realtime: false };

  it.each([
    ['one pattern for all', ['/v2/*'], everything],
    [
      'named parameters',
      ['/v2/snapshots/:id/download', '/v2/snapshots/:id/chunks/:cid/download'],
      { ...nothing, snapshots: true, chunks: true },
    ],
    ['parameters in braces', ['/v2/snapshots/{identifier}/download'], { ...nothing, snapshots: true }],
    ['wildcards', ['/v2/articles/*', '/v2/snapshots/*'], { ...nothing, onDemand: true, snapshots: true, chunks: true }],
    ['the stream alone', ['/v2/articles'], { ...nothing, realtime: true }],
    ['named wildcards and whole addresses', ['https://api.example.org/v2/articles/*name'], { ...nothing, onDemand: true }],
    ['batches', ['/v2/batches/:date/:hour/:identifier/download'], { ...nothing, batches: true }],
  ])('by %s', (_, paths, expected) => {
    expect(permissionsOf({ apis: paths.map((path) => ({ path, method: 'GET' })) })).toEqual(expected);
  });

  it('are unknown when nothing matches', () => {
    expect(permissionsOf({})).toBeUndefined();
    expect(permissionsOf({ apis: [] })).toBeUndefined();
    expect(permissionsOf({ apis: [{ path: '/v2/articles', method: 'OPTIONS' }] })).toBeUndefined();
  });
});
