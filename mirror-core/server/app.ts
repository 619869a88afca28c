/** The Fastify instance as this server uses it, and what every part of it needs to know. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import type { MirrorControl, MirrorReader } from '../contracts/control-port.ts';

export type App = FastifyInstance<Server, IncomingMessage, ServerResponse, FastifyBaseLogger, TypeBoxTypeProvider>;

export interface ServerOptions {
  readonly reader: MirrorReader;
  readonly control: MirrorControl;
  /** Address to listen on. Other than loopback only with `allowRemote`. */
  readonly host: string;
  /** 0 picks a free port; the real one is in `MirrorServer.url`. */
  readonly port: number;
  /** Further names under which the API may be called; an entry with a port (`mirror.example.org:8443`) allows that port alone. */
  readonly allowedHosts: readonly string[];
  /** Web origins whose pages may read the compatible routes; they never reach `/api`. */
  readonly corsOrigins: readonly string[];
  /** Answers a look-up of a redirect with its target and says so in `X-Mirror-Redirected-From`. */
  readonly followRedirects: boolean;
  /** Lists upstream's whole catalogue under `/v2/projects` and `/v2/languages`, not only what is mirrored here. */
  readonly fullProjectList: boolean;
  /** Bearer token of `/api`, 256 random bits as text; it opens the compatible routes too. */
  readonly controlToken: string;
  /** Holds the keys that sign access tokens, and the refresh tokens' hashes; mode 0600, made when missing. */
  readonly keyFile: string;
  readonly version: string;
  readonly logger: Logger;
  /** Ms since the epoch. */
  readonly now?: () => number;
  /**
   * Allows a host other than loopback (containers need `0.0.0.0`). The compatible routes are then closed to anonymous calls:
   * they need the control token, or a token from `/v1/login`, which then asks for the control token as password, since no
   * user accounts exist yet.
   */
  readonly allowRemote?: boolean;
}
