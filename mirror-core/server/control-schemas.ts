/** Schemas of the control routes that are not shared with other parts; the shared ones are in contracts/control-api.ts. */
import { Type } from 'typebox';
import { ControlErrorSchema } from '../contracts/control-api.ts';

/** Error answers by status, all in the control API's form. */
export function controlErrors(...statuses: readonly number[]): Record<number, typeof ControlErrorSchema> {
  return Object.fromEntries([401, 403, ...statuses, 500, 503].map((status) => [status, ControlErrorSchema]));
}

/** A streamed response of one media type, described for OpenAPI; streams are not serialised by schema. */
export function streamResponse(mediaType: string, description: string): object {
  return { description, content: { [mediaType]: { schema: Type.String() } } };
}

export const DatasetParams = Type.Object({
  id: Type.String({ maxLength: 80, description: 'dataset, such as simplewiki_namespace_0' }),
});
export const EventsQuery = Type.Object({
  after: Type.Optional(
    Type.Integer({ minimum: 0, description: 'replay the events after this id; `Last-Event-ID` does the same' }),
  ),
});
export const ProjectsQuery = Type.Object({ search: Type.Optional(Type.String({ maxLength: 200 })) });
export const ImportQuery = Type.Object({
  name: Type.Optional(Type.String({ maxLength: 1024, description: 'shown in messages; standard input when absent' })),
  complete: Type.Optional(Type.String({ description: 'dataset whose whole snapshot this file is' })),
});
export const ArticleParams = Type.Object({
  project: Type.String({ maxLength: 64 }),
  '*': Type.String({ description: 'title, spaces or underscores; slashes may stay as they are' }),
});
