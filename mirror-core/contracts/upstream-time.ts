/**
 * Upstream's times: RFC 3339 with up to nine decimals. Compared as (seconds, nanoseconds), never as text or milliseconds,
 * because two events of one title can lie within the same millisecond (article-schema §1.3).
 */
export interface UpstreamTime {
  /** Whole seconds since 1970-01-01T00:00:00Z; negative before. */
  readonly seconds: number;
  /** 0 to 999,999,999. */
  readonly nanos: number;
}

const PATTERN = /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9})\d*)?)?\s*(Z|z|UTC|[+-]\d{2}:?\d{2})?$/;

/**
 * Reads any RFC 3339 form, also with a space for the `T`, with `+00:00`, without a zone (taken as UTC) and a bare date.
 * Go's zero time (`0001-01-01T00:00:00Z`) means "absent" and yields `undefined`, as does anything that is not a time.
 */
export function parseUpstreamTime(text: string): UpstreamTime | undefined {
  const match = PATTERN.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = '', zone = 'Z'] = match;
  const ms = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second));
  if (Number(year) < 100 || Number(month) < 1 || Number(month) > 12 || Number(day) < 1 || Number(day) > 31) return undefined;
  if (Number(hour) > 24 || Number(minute) > 59 || Number(second) > 60) return undefined;
  let offsetSeconds = 0;
  if (zone.startsWith('+') || zone.startsWith('-')) {
    const digits = zone.replace(':', '');
    offsetSeconds = (digits.startsWith('-') ? -1 : 1) * (Number(digits.slice(1, 3)) * 3600 + Number(digits.slice(3, 5)) * 60);
  }
  return { seconds: ms / 1000 - offsetSeconds, nanos: Number(fraction.padEnd(9, '0')) };
}

/** Negative when `a` is earlier than `b`, 0 when they are the same instant, positive when later. */
export function compareTimes(a: UpstreamTime, b: UpstreamTime): number {
  return a.seconds - b.seconds || a.nanos - b.nanos;
}

export function laterOf(a: UpstreamTime, b: UpstreamTime): UpstreamTime {
  return compareTimes(a, b) >= 0 ? a : b;
}

/** RFC 3339 in UTC with as many decimals as needed (none, or 1 to 9). */
export function formatUpstreamTime(time: UpstreamTime): string {
  const whole = new Date(time.seconds * 1000).toISOString().slice(0, 19);
  const fraction = time.nanos === 0 ? '' : `.${String(time.nanos).padStart(9, '0').replace(/0+$/, '')}`;
  return `${whole}${fraction}Z`;
}

export function timeFromMs(epochMs: number): UpstreamTime {
  const seconds = Math.floor(epochMs / 1000);
  return { seconds, nanos: Math.round((epochMs - seconds * 1000) * 1e6) };
}

/** Milliseconds since the epoch, rounded down; for display and lag, not for ordering. */
export function timeToMs(time: UpstreamTime): number {
  return time.seconds * 1000 + Math.floor(time.nanos / 1e6);
}

export function addMs(time: UpstreamTime, ms: number): UpstreamTime {
  const nanosTotal = time.nanos + Math.round((ms % 1000) * 1e6);
  const carry = Math.floor(nanosTotal / 1e9);
  return { seconds: time.seconds + Math.trunc(ms / 1000) + carry, nanos: nanosTotal - carry * 1e9 };
}
