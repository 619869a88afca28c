import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { post, practiceFor, type TestPractice } from './practice-setup.ts';

let rig: TestPractice;
beforeAll(async () => (rig = await practiceFor({ wikis: ['practicearwiki', 'practicejawiki'] })));
afterAll(() => rig.practice.close());
const filter = (field: string, value: unknown) => `filters=${encodeURIComponent(JSON.stringify({ field, value }))}`;
const posted = (path: string, body: unknown) => post(rig.practice.url + path, body, { authorization: `Bearer ${rig.token}` });

describe('practice upstream: metadata', () => {
  it('lists codes, namespaces, languages and projects', async () => {
    expect(await rig.list('/v2/codes')).toHaveLength(8);
    expect((await rig.list('/v2/namespaces')).map((namespace) => namespace.identifier)).toEqual([0, 6, 10, 14]);
    expect(await rig.info('/v2/languages/ar')).toEqual({
      identifier: 'ar',
      name: 'Arabic',
      alternate_name: 'العربية',
      direction: 'rtl',
    });
    const projects = await rig.list('/v2/projects');
    expect(projects.map((project) => project.identifier)).toEqual(['practicejawiki', 'practicearwiki']);
    for (const { name, url } of projects)
      expect([name, url]).toEqual([expect.stringContaining('Practice'), expect.stringMatching(/\.example$/)]);
  });

  it('answers selected fields flat, in the order asked for, and brackets a single object not at all', async () => {
    expect(
      await (await rig.call('/v2/projects/practicearwiki?fields=in_language.identifier&fields=code&fields=nothing')).text(),
    ).toBe('{"in_language__identifier":"ar","code":"wiki"}');
  });

  it('reads GET from the query and POST from the JSON body alone', async () => {
    expect(await rig.list(`/v2/projects?${filter('in_language.identifier', 'ja')}`)).toHaveLength(1);
    expect(
      await (await posted('/v2/projects', { filters: [{ field: 'in_language.identifier', value: 'ja' }] })).json(),
    ).toHaveLength(1);
    expect(await (await posted(`/v2/projects?${filter('in_language.identifier', 'ja')}`, {})).json()).toHaveLength(2);
    expect((await posted('/v2/projects', { fields: 'name' })).status).toBe(422);
  });

  it('compares namespaces by equality and any other number by greater-than, as upstream does', async () => {
    expect(await rig.list(`/v2/snapshots?${filter('namespace.identifier', 14)}`)).toHaveLength(2);
    expect(await rig.list(`/v2/namespaces?${filter('identifier', 6)}`)).toMatchObject([{ identifier: 10 }, { identifier: 14 }]);
  });

  it('does not understand a comma list', async () => {
    expect(await rig.list('/v2/projects?fields=name,url')).toEqual([{}, {}]);
  });

  it('joins NDJSON by newlines without one at the end', async () => {
    const answer = await rig.call('/v2/codes?fields=identifier', { headers: { accept: 'application/x-ndjson' } });
    expect(answer.headers.get('content-type')).toBe('application/x-ndjson');
    const text = await answer.text();
    expect(text.split('\n')).toHaveLength(8);
    expect(text.endsWith('}')).toBe(true);
    const none = await rig.call(`/v2/codes?${filter('identifier', 'x')}`, { headers: { accept: 'application/x-ndjson' } });
    expect([none.status, await none.text()]).toEqual([200, '']);
  });

  it('redirects a trailing slash, keeps the method when it must, and needs no token for that', async () => {
    const get = await fetch(`${rig.practice.url}/v2/projects/?fields=name`, { redirect: 'manual' });
    expect([get.status, get.headers.get('location')]).toEqual([301, '/v2/projects?fields=name']);
    expect((await fetch(`${rig.practice.url}/v2/projects/`, { method: 'POST', redirect: 'manual' })).status).toBe(307);
  });
});

describe('practice upstream: On-demand', () => {
  it('finds a title by spaces or underscores, exactly', async () => {
    await rig.practice.act({ action: 'create', project: 'practicejawiki', title: 'AC/DC plus+ more' });
    for (const name of ['AC/DC plus+ more', 'AC%2FDC_plus+_more', 'AC%2FDC%20plus%2B%20more']) {
      expect((await rig.articles(`/v2/articles/${name}`))[0]?.name).toBe('AC/DC plus+ more');
    }
    for (const name of ['ac/DC plus+ more', 'AC/DC__plus+ more', 'AC/DC plus+ more_', '']) {
      expect((await rig.call(`/v2/articles/${name}`)).status).toBe(404);
    }
  });

  it('does not follow redirects and stores none', async () => {
    const title = 'First name';
    await rig.practice.act({ action: 'create', project: 'practicejawiki', title });
    await rig.practice.act({ action: 'move', project: 'practicejawiki', title, target: 'Second name' });
    expect((await rig.call('/v2/articles/First_name')).status).toBe(404);
    expect((await rig.articles('/v2/articles/Second_name'))[0]?.redirects).toEqual([
      { name: 'First name', url: 'https://ja.practicewiki.example/wiki/First_name' },
    ]);
  });

  it('answers from several projects up to the limit, narrowed by the filters', async () => {
    for (const project of ['practicejawiki', 'practicearwiki'])
      await rig.practice.act({ action: 'create', project, title: 'Everywhere' });
    expect(await rig.articles('/v2/articles/Everywhere')).toHaveLength(2);
    expect(await rig.articles('/v2/articles/Everywhere?limit=1')).toHaveLength(1);
    expect((await rig.call('/v2/articles/Everywhere?limit=11')).status).toBe(422);
    const narrowed = await rig.list(
      `/v2/articles/Everywhere?fields=is_part_of.identifier&${filter('in_language.identifier', 'ar')}`,
    );
    expect(narrowed).toEqual([{ is_part_of: { identifier: 'practicearwiki' } }]);
  });

  it('never answers an empty list, and compares types strictly', async () => {
    expect((await rig.call(`/v2/articles/Everywhere?${filter('namespace.identifier', '0')}`)).status).toBe(404);
    expect((await rig.call(`/v2/articles/Everywhere?${filter('namespace.identifier', 0)}`)).status).toBe(200);
    expect((await rig.call(`/v2/articles/Everywhere?${filter('nothing', null)}`)).status).toBe(200);
  });

  it('keeps empty parents and cannot look into lists', async () => {
    const [first] = await rig.list(
      '/v2/articles/Everywhere?limit=1&fields=name&fields=version.nothing&fields=categories.name&fields=absent',
    );
    expect(first).toEqual({ name: 'Everywhere', version: {}, categories: {} });
  });
});
