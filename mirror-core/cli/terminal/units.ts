/** Quantities in words for people. Machine output (`--json`) has bytes, milliseconds and ISO times instead. */

const BYTE_UNITS = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'] as const;

/** `1.5 MB`; decimal units, as upstream and disks count. */
export function bytesWords(bytes: number): string {
  let value = Math.max(0, bytes);
  let index = 0;
  // 999.95 would be printed as 1,000: the next unit is the right one from there on.
  while (value >= 999.5 && index < BYTE_UNITS.length - 1) {
    value /= 1000;
    index += 1;
  }
  const digits = index === 0 || value >= 100 ? 0 : 1;
  const unit = BYTE_UNITS[index] ?? 'byte';
  if (unit === 'byte') return `${Math.round(value)} B`;
  return new Intl.NumberFormat('en', { style: 'unit', unit, unitDisplay: 'short', maximumFractionDigits: digits }).format(value);
}

/** `12 s`, `3 min`, `1 h 20 min`, `2 d 3 h`. */
export function durationWords(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  const days = Math.floor(hours / 24);
  return hours % 24 === 0 ? `${days} d` : `${days} d ${hours % 24} h`;
}

const WHOLE = new Intl.NumberFormat('en');

/** `1,234,567`. */
export function countWords(count: number): string {
  return WHOLE.format(Math.round(count));
}

/** `1 article`, `2 articles`. */
export function countOf(count: number, one: string, many = `${one}s`): string {
  return `${countWords(count)} ${count === 1 ? one : many}`;
}

/** `2026-11-21 18:04 UTC` of an ISO time. */
export function timeWords(iso: string): string {
  const time = new Date(iso);
  return Number.isNaN(time.getTime()) ? iso : `${time.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}
