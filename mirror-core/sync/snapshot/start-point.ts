/** From where the stream must be read so that nothing is missed after loading a snapshot (contract §15.3). */
import { addMs, laterOf, timeFromMs, type UpstreamTime } from '../../contracts/upstream-time.ts';

const MEMBER_MARGIN_MS = 6 * 3_600_000;
const SAFETY_MARGIN_MS = 3_600_000;

export interface SnapshotBounds {
  /** Lower bound of the moment the export started reading: everything published before it is in the file. */
  readonly exportedAfter: UpstreamTime;
  /** Where to resume the stream: one hour before that. */
  readonly since: UpstreamTime;
}

/**
 * The export's start is not published. It is not before the newest `event.date_published` in the file, and the first archive
 * member was closed within hours of it. The snapshot's own `date_modified` is after the export by hours to weeks: never used.
 * @param maxPublished newest `event.date_published` of all records
 * @param firstMemberMs earliest mtime of an archive member
 * @returns `undefined` when the file says nothing of its age
 */
export function boundsOf(maxPublished: UpstreamTime | undefined, firstMemberMs: number | undefined): SnapshotBounds | undefined {
  const byMember = firstMemberMs === undefined || firstMemberMs <= 0 ? undefined : timeFromMs(firstMemberMs - MEMBER_MARGIN_MS);
  const exportedAfter =
    maxPublished === undefined ? byMember : byMember === undefined ? maxPublished : laterOf(maxPublished, byMember);
  return exportedAfter === undefined ? undefined : { exportedAfter, since: addMs(exportedAfter, -SAFETY_MARGIN_MS) };
}
