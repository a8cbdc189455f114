/** What the page asks of the API of its own origin. */

import { createGraphiQLFetcher, type Fetcher } from "@graphiql/toolkit";

import type { Credentials } from "./oauth";

const ENDPOINT = "/graphql";
const WHO_AM_I = "{ viewer { actingRole roles } }";

/** A person who is signed in. The token is kept nowhere but here, in the page's memory. */
export interface Session extends Credentials {
  readonly role: string;
  readonly roles: readonly string[];
}

interface ApiError {
  readonly message: string;
  readonly extensions?: { readonly roles?: readonly string[] };
}

interface Answer {
  readonly data?: {
    readonly viewer: { readonly actingRole: string; readonly roles: string[] };
  } | null;
  readonly errors?: readonly ApiError[];
}

function withToken(init: RequestInit | undefined, token: string, role?: string): RequestInit {
  const headers = new Headers(init?.headers);
  headers.set("Authorization", `Bearer ${token}`);
  if (role !== undefined) {
    headers.set("X-Acting-Role", role);
  }
  return { ...init, headers, cache: "no-store", credentials: "omit" };
}

async function errorOf(response: Response): Promise<ApiError> {
  const answer = (await response.json().catch(() => ({}))) as Answer;
  return answer.errors?.[0] ?? { message: `the server answered ${response.status}` };
}

/**
 * Ask the API whose token this is, acting in `role` or as the token says. Throws an Error whose
 * message is fit to be shown.
 */
export async function openSession(credentials: Credentials, role?: string): Promise<Session> {
  const { token, name } = credentials;
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw new Error("this is no token: a token has no spaces and only ASCII characters");
  }
  const init = {
    method: "POST",
    headers: { Accept: "application/json", "Content-Type": "application/json" },
    body: JSON.stringify({ query: WHO_AM_I }),
  };
  const response = await fetch(ENDPOINT, withToken(init, token, role)).catch(() => {
    throw new Error("the server does not answer");
  });
  if (!response.ok) {
    const { message, extensions } = await errorOf(response);
    const first = extensions?.roles?.[0];
    if (role === undefined && first !== undefined) {
      // The token leaves the choice of a role to its holder, who can change it in the bar.
      return openSession(credentials, first);
    }
    throw new Error(message);
  }
  const { data, errors } = (await response.json()) as Answer;
  if (!data) {
    throw new Error(errors?.[0]?.message ?? "the server gave no answer");
  }
  return { token, name, role: data.viewer.actingRole, roles: data.viewer.roles };
}

/** Sends GraphiQL's operations as a person; `onRefused` is told why a token no longer works. */
export function fetcherOf(session: Session, onRefused: (reason: string) => void): Fetcher {
  return createGraphiQLFetcher({
    url: ENDPOINT,
    fetch: async (input, init) => {
      const response = await fetch(input, withToken(init, session.token, session.role));
      if (response.status === 401) {
        onRefused((await errorOf(response.clone())).message);
      }
      return response;
    },
  });
}

/** Stands in while nobody is signed in: tells what to do without troubling the server. */
export const signedOutFetcher: Fetcher = () => ({
  errors: [{ message: "sign in first: the bar on top has what you need" }],
});
