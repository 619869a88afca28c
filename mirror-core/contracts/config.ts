/** The whole configuration, as one schema with defaults. Read by `config/`; documented in docs/configuration.md. */
import { Type, type Static } from 'typebox';

const closed = { additionalProperties: false } as const;

export const ConfigSchema = Type.Object(
  {
    /** Raised when the meaning of a setting changes. */
    version: Type.Literal(1, { default: 1 }),
    data: Type.String({ minLength: 1, description: 'directory that holds everything the mirror stores' }),
    datasets: Type.Array(Type.String(), {
      description: 'datasets to mirror, such as simplewiki_namespace_0; added at start when missing',
      default: [],
    }),
    contact: Type.String({ description: "the operator's mail address or page, sent to upstream in the User-Agent", default: '' }),
    upstream: Type.Object(
      {
        kind: Type.Union([Type.Literal('enterprise'), Type.Literal('practice')], { default: 'enterprise' }),
        auth: Type.String({ format: 'uri', default: 'https://auth.enterprise.wikimedia.com' }),
        api: Type.String({ format: 'uri', default: 'https://api.enterprise.wikimedia.com' }),
        realtime: Type.String({ format: 'uri', default: 'https://realtime.enterprise.wikimedia.com' }),
        username: Type.String({ default: '' }),
        password: Type.String({ default: '', description: 'better given by the environment or by `wikimirror login`' }),
        /** Requests a calendar month (UTC). 0 means: ask the account, else the newest documented figures for free accounts. */
        quota: Type.Object(
          {
            onDemand: Type.Integer({ minimum: 0, default: 0 }),
            snapshot: Type.Integer({ minimum: 0, default: 0 }),
            chunk: Type.Integer({ minimum: 0, default: 0 }),
          },
          closed,
        ),
      },
      closed,
    ),
    server: Type.Object(
      {
        host: Type.String({ default: '127.0.0.1' }),
        port: Type.Integer({ minimum: 0, maximum: 65535, default: 8750 }),
        allowRemote: Type.Boolean({
          default: false,
          description: 'let other machines reach the API: needed for any host but loopback',
        }),
        allowedHosts: Type.Array(Type.String(), {
          default: [],
          description: 'further host names under which the API may be called',
        }),
        corsOrigins: Type.Array(Type.String(), { default: [], description: 'web origins whose pages may read the v2 routes' }),
        followRedirects: Type.Boolean({ default: false, description: 'answer a look-up of a redirect with its target' }),
        fullProjectList: Type.Boolean({
          default: true,
          description: "list upstream's whole catalogue in /v2/projects, not only what is mirrored",
        }),
      },
      closed,
    ),
    sync: Type.Object(
      {
        snapshotCheckMinutes: Type.Number({
          exclusiveMinimum: 0,
          default: 60,
          description: 'how often a newer snapshot is looked for',
        }),
        silenceSeconds: Type.Number({
          exclusiveMinimum: 0,
          default: 60,
          description: 'quiet time after which a caught-up stream counts as complete',
        }),
        streamWatchdogSeconds: Type.Number({
          exclusiveMinimum: 0,
          default: 600,
          description: 'reconnect a stream on which nothing arrived for so long',
        }),
        retentionHours: Type.Number({
          exclusiveMinimum: 0,
          default: 48,
          description: "how far back upstream's stream and batches reach",
        }),
        settleOnDemandPerDay: Type.Integer({ minimum: 0, default: 1000, description: 'look-ups a day spent on titles in doubt' }),
        tombstoneDays: Type.Number({ minimum: 1, default: 14 }),
        eraseDelayMinutes: Type.Number({
          minimum: 0,
          default: 15,
          description: 'removed and hidden text is erased from disk after this time',
        }),
      },
      closed,
    ),
    disk: Type.Object(
      {
        reserveBytes: Type.Integer({ minimum: 0, default: 2_000_000_000, description: 'free space that is never used' }),
      },
      closed,
    ),
    log: Type.Object(
      {
        level: Type.Union(
          [Type.Literal('debug'), Type.Literal('info'), Type.Literal('warn'), Type.Literal('error'), Type.Literal('silent')],
          {
            default: 'info',
          },
        ),
      },
      closed,
    ),
  },
  closed,
);

export type Config = Static<typeof ConfigSchema>;

/** Where a value came from; shown by `wikimirror config show`. Later wins. */
export type ConfigOrigin = 'default' | 'file' | 'environment' | 'flag';
