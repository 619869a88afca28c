/** The npm package `wikimedia-enterprise`, a client nobody here wrote, against the real server over real HTTP. */
import WikimediaEnterprise from 'wikimedia-enterprise';
import { describe, expect, it } from 'vitest';
import { FakeReader } from '../support/mirror-fakes.ts';
import { lakes, serve, type Harness } from './server-harness.ts';

async function loggedIn(
  reader: FakeReader = lakes(),
): Promise<{ client: WikimediaEnterprise; harness: Harness; refreshToken: string }> {
  const harness = await serve(reader);
  const visitor = new WikimediaEnterprise({ baseURL: harness.url, apiKey: 'not needed yet', maxRetries: 0 });
  // It sends its key along with the login; upstream's login does not look at it, and neither may ours.
  const tokens = await visitor.login.authenticate({ username: 'ann', password: 'secret' });
  expect(tokens.expires_in).toBe(86_400);
  const client = new WikimediaEnterprise({ baseURL: harness.url, apiKey: tokens.access_token ?? '', maxRetries: 0 });
  return { client, harness, refreshToken: tokens.refresh_token ?? '' };
}

function projects(articles: readonly { is_part_of?: { identifier?: string } }[]): unknown[] {
  return articles.map((article) => article.is_part_of?.identifier);
}

describe('npm wikimedia-enterprise', () => {
  it('logs in, refreshes and revokes', async () => {
    const { client, refreshToken } = await loggedIn();
    const refreshed = await client.tokenRefresh.refresh({ username: 'ann', refresh_token: refreshToken });
    expect(refreshed.access_token).toMatch(/^ey/);
    await client.tokenRevoke.revoke({ refresh_token: refreshToken });
    await expect(client.tokenRefresh.refresh({ username: 'ann', refresh_token: refreshToken })).rejects.toBeInstanceOf(
      WikimediaEnterprise.AuthenticationError,
    );
  });

  it.each(['Lake Corvane', 'AC/DC', 'C++', '100% Proof?', 'Café', 'X/', 'Category:Lakes'])(
    'looks %j up by GET and POST',
    async (name) => {
      const { client } = await loggedIn();
      expect((await client.articles.retrieve(name))[0]?.name).toBe(name);
      expect((await client.articles.create(name))[0]?.name).toBe(name);
    },
  );

  it('passes fields, filters and limit by POST', async () => {
    const { client } = await loggedIn();
    const cut = await client.articles.create('Lake Corvane', { fields: ['name', 'version.identifier'], limit: 2 });
    expect(cut).toEqual([
      { name: 'Lake Corvane', version: { identifier: 70 } },
      { name: 'Lake Corvane', version: { identifier: 70 } },
    ]);
    const filters = [
      { field: 'in_language.identifier', value: 'en' },
      { field: 'namespace.identifier', value: '0' },
    ];
    expect(projects(await client.articles.create('Lake Corvane', { filters }))).toEqual(['enwiki', 'enwiktionary']);
  });

  it('passes fields and limit by GET, where it joins them with commas', async () => {
    const { client } = await loggedIn();
    const cut = await client.articles.retrieve('Lake Corvane', { fields: ['name', 'is_part_of.identifier'], limit: 1 });
    expect(cut).toEqual([{ name: 'Lake Corvane', is_part_of: { identifier: 'enwiki' } }]);
  });

  it('is told when it turned its filters into "[object Object]"', async () => {
    const { client } = await loggedIn();
    const broken = client.articles.retrieve('Lake Corvane', { filters: [{ field: 'in_language.identifier', value: 'de' }] });
    await expect(broken).rejects.toThrow(/object Object/);
    await expect(broken).rejects.toBeInstanceOf(WikimediaEnterprise.UnprocessableEntityError);
  });

  it('sees its own error classes for what is not there, not allowed or too much', async () => {
    const { client, harness } = await loggedIn();
    await expect(client.articles.retrieve('Nobody')).rejects.toBeInstanceOf(WikimediaEnterprise.NotFoundError);
    await expect(client.articles.create('Lake Corvane', { limit: 11 })).rejects.toBeInstanceOf(
      WikimediaEnterprise.UnprocessableEntityError,
    );
    const stranger = new WikimediaEnterprise({ baseURL: harness.url, apiKey: 'wrong', maxRetries: 0 });
    await expect(stranger.articles.retrieve('Lake Corvane')).rejects.toBeInstanceOf(WikimediaEnterprise.AuthenticationError);
  });

  it('reads the metadata lists', async () => {
    const reader = lakes();
    reader.projectObjects = [
      {
        name: 'Wikipedia',
        identifier: 'enwiki',
        url: 'https://en.wikipedia.org',
        code: 'wiki',
        in_language: { identifier: 'en' },
      },
    ];
    reader.languageObjects = [{ identifier: 'en', name: 'English', direction: 'ltr' }];
    const { client } = await loggedIn(reader);
    expect(await client.codes.list()).toHaveLength(8);
    expect(await client.namespaces.list()).toHaveLength(4);
    expect((await client.projects.list())[0]?.identifier).toBe('enwiki');
    expect((await client.languages.list())[0]?.direction).toBe('ltr');
    expect((await client.codes.retrieve('wiki')).name).toBe('Wikipedia');
  });
});
