/** What the client can read: format by `Accept` (contract §1.4), content coding by `Accept-Encoding`. */
import type { Codec } from '../contracts/article.ts';

export type Format = 'json' | 'ndjson';

export const MEDIA_TYPE: Readonly<Record<Format, string>> = { json: 'application/json', ndjson: 'application/x-ndjson' };

/** The first type in the client's order that we offer; q-values are ignored, as upstream does. JSON when none fits. */
export function formatFor(accept: string | undefined): Format {
  for (const entry of (accept ?? '').split(',')) {
    const type = entry.split(';', 1)[0]?.trim().toLowerCase();
    if (type === MEDIA_TYPE.ndjson) return 'ndjson';
    if (type === MEDIA_TYPE.json || type === '*/*' || type === 'application/*') return 'json';
  }
  return 'json';
}

/** Whether the client said that it can decode `codec`. `*` alone is not taken as a promise. */
export function acceptsCodec(acceptEncoding: string | undefined, codec: Codec): boolean {
  if (codec === 'identity') return true;
  return (acceptEncoding ?? '').split(',').some((entry) => {
    const [name, ...parameters] = entry.split(';').map((part) => part.trim().toLowerCase());
    return name === codec && !parameters.some((parameter) => /^q\s*=\s*0(\.0*)?$/.test(parameter));
  });
}
