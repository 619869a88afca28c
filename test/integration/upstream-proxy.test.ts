import { createServer, request as forward } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { setUp } from './upstream-setup.ts';

interface Proxy {
  readonly url: string;
  /** Targets asked for: addresses forwarded, or `CONNECT host:port`. */
  readonly targets: string[];
}

/** A forward proxy on loopback: plain requests in absolute form, tunnels by CONNECT. */
async function startProxy(): Promise<Proxy> {
  const targets: string[] = [];
  const server = createServer((incoming, outgoing) => {
    targets.push(incoming.url ?? '');
    const passed = forward(incoming.url ?? '', { method: incoming.method, headers: incoming.headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    incoming.pipe(passed);
  });
  server.on('connect', (incoming, socket) => {
    targets.push(`CONNECT ${incoming.url ?? ''}`);
    const [host = '', port = ''] = (incoming.url ?? '').split(':');
    const onward = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      socket.pipe(onward).pipe(socket);
    });
    onward.on('error', () => socket.destroy());
    socket.on('error', () => onward.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(
    () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, targets };
}

function setProxyVariables(values: Record<'http_proxy' | 'https_proxy' | 'no_proxy', string>): void {
  for (const [name, value] of Object.entries(values)) {
    vi.stubEnv(name, value);
    vi.stubEnv(name.toUpperCase(), value);
  }
  onTestFinished(() => void vi.unstubAllEnvs());
}

describe('proxy settings of the environment', () => {
  it('lead every request over the proxy', async () => {
    const proxy = await startProxy();
    setProxyVariables({ http_proxy: proxy.url, https_proxy: '', no_proxy: '' });
    const { client, upstream } = await setUp();
    await client.codes();
    expect(proxy.targets).toEqual([`${upstream.url}/v1/login`, `${upstream.url}/v2/codes`]);
  });

  it('lead encrypted requests through a tunnel', async () => {
    const proxy = await startProxy();
    setProxyVariables({ http_proxy: '', https_proxy: proxy.url, no_proxy: '' });
    const { client } = await setUp({ authUrl: 'https://127.0.0.1:9' });
    await expect(client.codes()).rejects.toMatchObject({ code: 'UPSTREAM_UNREACHABLE' });
    expect(proxy.targets[0]).toBe('CONNECT 127.0.0.1:9');
  });

  it('leave out the hosts of NO_PROXY', async () => {
    const proxy = await startProxy();
    setProxyVariables({ http_proxy: proxy.url, https_proxy: '', no_proxy: '127.0.0.1' });
    const { client } = await setUp();
    await client.codes();
    expect(proxy.targets).toEqual([]);
  });

  it('are refused with a clear word, and without their password, when they are no address', async () => {
    setProxyVariables({ http_proxy: 'http://user:hidden@:bad:', https_proxy: '', no_proxy: '' });
    await expect(setUp()).rejects.toMatchObject({ code: 'CONFIG_INVALID', message: expect.not.stringContaining('hidden') });
  });
});
