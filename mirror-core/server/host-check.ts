/** Pure checks of who is calling and from where (desktop-security F): names of the host, origins of web pages. */

/** Names that always mean this machine. */
const LOOPBACK_NAMES: readonly string[] = ['localhost', 'localhost.', '127.0.0.1', '[::1]'];

export interface Authority {
  /** Lower case, IPv6 in brackets. */
  readonly name: string;
  readonly port: number | undefined;
}

const AUTHORITY = /^(\[[0-9a-f:.]+\]|[a-z0-9](?:[a-z0-9._-]*))(?::(\d{1,5}))?$/;

/** Takes `name:port` apart; `undefined` when it is not spelled like a host. */
export function parseAuthority(text: string): Authority | undefined {
  const match = AUTHORITY.exec(text.toLowerCase());
  if (match?.[1] === undefined) return undefined;
  return { name: match[1], port: match[2] === undefined ? undefined : Number(match[2]) };
}

export interface HostRules {
  readonly allowedHosts: readonly string[];
  readonly listenHost: string;
  readonly port: number;
}

/** Whether the mirror may be called under this `Host`. A port, when present, must be ours or named in the configuration. */
export function isAllowedHost(host: string, { allowedHosts, listenHost, port }: HostRules): boolean {
  const called = parseAuthority(host);
  if (called === undefined) return false;
  const listening = listenHost.includes(':') ? `[${listenHost}]` : listenHost;
  for (const entry of [...LOOPBACK_NAMES, listening, ...allowedHosts]) {
    const allowed = parseAuthority(entry);
    if (allowed === undefined || allowed.name !== called.name) continue;
    if (called.port === (allowed.port ?? port) || (called.port === undefined && allowed.port === undefined)) return true;
  }
  return false;
}

/** The authority of an absolute-form request target (`GET http://host/path`), `undefined` for the usual `/path`. */
export function targetAuthority(target: string): string | undefined {
  return /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i.exec(target)?.[1];
}

/** Whether the address can be reached from this machine alone. */
export function isLoopbackAddress(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(host);
}

export interface CallerHeaders {
  readonly origin: string | undefined;
  readonly fetchSite: string | undefined;
}

/**
 * Whether a call may change something or read the control API: from our own origin, from an allowed one, or from a program,
 * which sends neither `Origin` nor `Sec-Fetch-Site`.
 */
export function isTrustedCaller({ origin, fetchSite }: CallerHeaders, host: string, origins: readonly string[]): boolean {
  if (origin !== undefined) return origin === `http://${host}` || origin === `https://${host}` || origins.includes(origin);
  return fetchSite === undefined || fetchSite === 'same-origin' || fetchSite === 'none';
}
