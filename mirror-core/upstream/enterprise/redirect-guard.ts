/** Where a download may be sent on to. Upstream hands out presigned addresses on another host (contract §7.3); nothing else may. */
import { lookup as dnsLookup } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';
import { MirrorError } from '../../contracts/errors.ts';
import { shownUrl } from './http.ts';

/** Every address of a host name, as text. Rejects when there is none. */
export type ResolveHost = (hostname: string) => Promise<readonly string[]>;

export const resolveByDns: ResolveHost = async (hostname) =>
  (await dnsLookup(hostname, { all: true })).map((entry) => entry.address);

/** Networks that are not the public internet: this machine, its neighbours, link-local (cloud metadata) and shared address space. */
const PRIVATE_NETWORKS: readonly (readonly [network: string, prefix: number, family: 'ipv4' | 'ipv6'])[] = [
  ['0.0.0.0', 8, 'ipv4'],
  ['10.0.0.0', 8, 'ipv4'],
  ['100.64.0.0', 10, 'ipv4'],
  ['127.0.0.0', 8, 'ipv4'],
  ['169.254.0.0', 16, 'ipv4'],
  ['172.16.0.0', 12, 'ipv4'],
  ['192.168.0.0', 16, 'ipv4'],
  ['::', 128, 'ipv6'],
  ['::1', 128, 'ipv6'],
  ['fc00::', 7, 'ipv6'],
  ['fe80::', 10, 'ipv6'],
];

const privateNetworks = new BlockList();
for (const [network, prefix, family] of PRIVATE_NETWORKS) privateNetworks.addSubnet(network, prefix, family);

/** Whether `address` (an IP address as text) lies in a network that is not public. IPv4 written as IPv6 counts as IPv4. */
export function isPrivateAddress(address: string): boolean {
  const version = isIP(address);
  if (version === 0) return false;
  return privateNetworks.check(address, version === 6 ? 'ipv6' : 'ipv4');
}

/**
 * Whether a host is, or leads to, a private address. A name that cannot be looked up here counts as public: behind a proxy names are
 * often known to the proxy alone, which then decides.
 */
export async function isPrivateHost(url: URL, resolve: ResolveHost): Promise<boolean> {
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
  if (isIP(host) !== 0) return isPrivateAddress(host);
  if (host === 'localhost' || host.endsWith('.localhost')) return true;
  let addresses: readonly string[];
  try {
    addresses = await resolve(host);
  } catch {
    return false;
  }
  return addresses.some(isPrivateAddress);
}

/**
 * The address a redirect leads to, if we may follow it.
 * @param api the service's own address: one that is itself private (a mirror in the house, a practice upstream) may send us to private ones
 * @throws MirrorError UPSTREAM_PROTOCOL
 */
export async function checkedRedirect(from: URL, location: string | undefined, api: URL, resolve: ResolveHost): Promise<URL> {
  const target = location === undefined ? null : URL.parse(location, from.href);
  const refuse = (why: string): MirrorError =>
    new MirrorError('UPSTREAM_PROTOCOL', `${shownUrl(from)} sent us elsewhere, and we do not follow: ${why}.`, {
      context: { url: shownUrl(from), target: target === null ? null : target.origin },
    });
  if (target === null) throw refuse('it named no address');
  if (target.protocol !== 'https:' && target.protocol !== 'http:') throw refuse(`${target.protocol} is no web address`);
  if (target.username !== '' || target.password !== '') throw refuse('the address contains credentials');
  if (from.protocol === 'https:' && target.protocol === 'http:') throw refuse(`${target.origin} is not encrypted`);
  if (target.origin !== api.origin && (await isPrivateHost(target, resolve)) && !(await isPrivateHost(api, resolve))) {
    throw refuse(`${target.origin} is inside a private network`);
  }
  return target;
}
