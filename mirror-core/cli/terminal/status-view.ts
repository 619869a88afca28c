/** The mirror's status as lines for a person. */
import type { DatasetStatus, MirrorStatus } from '../../contracts/control-api.ts';
import type { Paint } from './colors.ts';
import { describeSync } from './describe-sync.ts';
import { tableLines } from './table.ts';
import { harmless } from './text.ts';
import { bytesWords, countOf, countWords, durationWords, timeWords } from './units.ts';

const COLUMNS = [
  { title: 'DATASET' },
  { title: 'STATE' },
  { title: 'ARTICLES', isRight: true },
  { title: 'ON DISK', isRight: true },
  { title: 'AS OF' },
  { title: '' },
] as const;

function progressWords(dataset: DatasetStatus): string {
  const { progress } = dataset;
  if (progress === null) return '';
  const left = progress.secondsLeft === null ? '' : `, ${durationWords(progress.secondsLeft * 1000)} left`;
  return `${bytesWords(progress.doneBytes)} of ${bytesWords(progress.totalBytes)}, ${bytesWords(progress.rateBytesPerSecond)}/s${left}`;
}

function remarks(dataset: DatasetStatus): string {
  const words = describeSync(dataset.state);
  const openGaps = dataset.gaps.filter((gap) => gap.closedAt === null).length;
  return [
    words.detail,
    progressWords(dataset),
    openGaps > 0 ? countOf(openGaps, 'gap') : '',
    dataset.quarantined > 0 ? `${countOf(dataset.quarantined, 'bad line')} kept aside` : '',
    dataset.doubtful > 0 ? `${countOf(dataset.doubtful, 'title')} in doubt` : '',
    dataset.mode === 'manual' ? 'imports only' : '',
  ]
    .filter((part) => part !== '')
    .map(harmless)
    .join('; ');
}

function datasetRow(dataset: DatasetStatus, paint: Paint): string[] {
  const { label, tone } = describeSync(dataset.state);
  return [
    dataset.id,
    paint(label, tone),
    countWords(dataset.articles),
    bytesWords(dataset.storedBytes),
    dataset.asOf === null ? '—' : timeWords(dataset.asOf),
    remarks(dataset),
  ];
}

function upstreamLine(status: MirrorStatus, paint: Paint): string {
  const { upstream } = status;
  const name = upstream.isPractice ? 'practice (made-up content, not from Wikimedia)' : upstream.address;
  if (upstream.problem !== null) return `upstream   ${name}: ${paint(harmless(upstream.problem), 'bad')}`;
  const { capabilities } = upstream;
  if (capabilities === null) return `upstream   ${name}: not asked yet`;
  const offers = (['snapshots', 'chunks', 'onDemand', 'batches', 'realtime'] as const).filter((name) => capabilities[name]);
  return `upstream   ${name}: ${offers.length === 0 ? 'offers this account nothing' : offers.map((offer) => (offer === 'onDemand' ? 'on-demand' : offer)).join(', ')}`;
}

function streamLine(status: MirrorStatus): string {
  const { stream } = status;
  const last = stream.lastEventAt === null ? '' : `, last ${timeWords(stream.lastEventAt)}`;
  const problem = stream.problem === null ? '' : `; ${harmless(stream.problem)}`;
  return `stream     ${stream.state}, ${countOf(stream.eventsApplied, 'event')} applied${last}${problem}`;
}

function quotaLine(status: MirrorStatus): string | undefined {
  const used = status.quota.filter((entry) => entry.used > 0 || entry.limit !== null);
  if (used.length === 0) return undefined;
  const words = used.map((entry) => {
    const name = entry.kind === 'onDemand' ? 'on-demand' : entry.kind;
    return `${name} ${countWords(entry.used)}${entry.limit === null ? '' : ` of ${countWords(entry.limit)}`}`;
  });
  return `quota      ${words.join(', ')} (${used[0]?.month ?? ''})`;
}

/** Everything `wikimirror status` shows. Pure. */
export function statusLines(status: MirrorStatus, paint: Paint): string[] {
  const quota = quotaLine(status);
  const head = [
    upstreamLine(status, paint),
    streamLine(status),
    ...(quota === undefined ? [] : [quota]),
    `disk       ${bytesWords(status.disk.freeBytes)} free, data in ${status.disk.dataDirectory}`,
    '',
  ];
  if (status.datasets.length === 0) {
    return [...head, 'No datasets yet: choose with wikimirror projects, then wikimirror add simplewiki_namespace_0'];
  }
  return [
    ...head,
    ...tableLines(
      COLUMNS,
      status.datasets.map((dataset) => datasetRow(dataset, paint)),
    ),
  ];
}
