/** What the page asks of the API of its own origin. */

import { createGraphiQLFetcher, type Fetcher } from "@graphiql/toolkit";

const ENDPOINT = "/graphql";
const WHO_AM_I = "{ viewer { actingRole roles } }";

export const HOW_TO_SIGN_IN = "bank360 token --role RELATIONSHIP_MANAGER";

/** A person who is signed in. The token is kept nowhere but here, in the page's memory. */
export interface Session {
  readonly token: string;
  readonly role: string;
  readonly roles: readonly string[];
}

interface Answer {
  readonly data?: { readonly viewer: { readonly role: string; readonly roles: string[] } } | null;
  readonly errors?: readonly { readonly message: string }[];
}

function withToken(init: RequestInit | undefined, token: string): RequestInit {
  const headers = new Headers(init?.headers);
  headers.set("Authorization", `Bearer ${token}`);
  return { ...init, headers, cache: "no-store", credentials: "omit" };
}

async function refusal(response: Response): Promise<string> {
  const answer = (await response.json().catch(() => ({}))) as Answer;
  return answer.errors?.[0]?.message ?? `the server answered ${response.status}`;
}

/** Ask the API whose token this is. Throws an Error whose message is fit to be shown. */
export async function openSession(token: string): Promise<Session> {
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw new Error("this is no token: a token has no spaces and only ASCII characters");
  }
  const init = {
    method: "POST",
    headers: { Accept: "application/json", "Content-Type": "application/json" },
    body: JSON.stringify({ query: WHO_AM_I }),
  };
  const response = await fetch(ENDPOINT, withToken(init, token)).catch(() => {
    throw new Error("the server does not answer");
  });
  if (!response.ok) {
    throw new Error(await refusal(response));
  }
  const { data, errors } = (await response.json()) as Answer;
  if (!data) {
    throw new Error(errors?.[0]?.message ?? "the server gave no answer");
  }
  return { token, role: data.viewer.actingRole, roles: data.viewer.roles };
}

/** Sends GraphiQL's operations as a person; `onRefused` is told why a token no longer works. */
export function fetcherOf(session: Session, onRefused: (reason: string) => void): Fetcher {
  return createGraphiQLFetcher({
    url: ENDPOINT,
    fetch: async (input, init) => {
      const response = await fetch(input, withToken(init, session.token));
      if (response.status === 401) {
        onRefused(await refusal(response.clone()));
      }
      return response;
    },
  });
}

/** Stands in while nobody is signed in: tells what to do without troubling the server. */
export const signedOutFetcher: Fetcher = () => ({
  errors: [{ message: `sign in first: paste the token that '${HOW_TO_SIGN_IN}' prints` }],
});
