import type { TypedDocumentString } from './generated/graphql.js';

export interface GraphQLError {
  message: string;
  path?: (string | number)[];
  extensions?: { code?: string };
}

/** What the server answered: `data` may be partial beside `errors`, and is absent on a refusal. */
export interface Answer<Data> {
  data?: Data | null;
  errors?: GraphQLError[];
}

/** Returns `execute`, which sends one operation; rejects when the answer is not GraphQL's. */
export function connect(url: string, token: string) {
  return async function execute<Data, Variables>(
    document: TypedDocumentString<Data, Variables>,
    variables: Variables,
  ): Promise<Answer<Data>> {
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        accept: 'application/graphql-response+json, application/json',
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify({ query: document.toString(), variables }),
    });
    if (!response.headers.get('content-type')?.includes('json')) {
      throw new Error(`answered ${response.status} and no JSON`);
    }
    return (await response.json()) as Answer<Data>;
  };
}
